#pragma once

#include <string>

namespace hadron::plan {

/// Random networks of slices, splits, picks and transpositions between element-wise work give the
/// same bytes with and without views of parts, on this device (see PlanRunnerOptions), for batches
/// that views suit and others; tensors that are alive together lie apart. Some steps are saved.
void ExpectPartsNeedNoCopies(const std::string& device);

/// Products of one input, three of a kind, behind one another: the same bytes with and without
/// merging them, for inputs of two and three dimensions and any batch; some steps are saved.
void ExpectMergedProductsGiveTheSameBytes(const std::string& device);

}  // namespace hadron::plan
