#pragma once

#include <string>

namespace hadron::plan {

/// Random networks of slices, splits, picks and transpositions between element-wise work give the
/// same bytes with and without views of parts, on this device (see PlanRunnerOptions), for batches
/// that views suit and others; tensors that are alive together lie apart. Some steps are saved.
void ExpectPartsNeedNoCopies(const std::string& device);

}  // namespace hadron::plan
