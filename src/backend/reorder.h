#pragma once

#include <memory>

#include "backend/kernel.h"
#include "base/status.h"

namespace hadron::backend {

/// A kernel that changes the layout of a tensor (plain to channels-last or back) and nothing else:
/// one input, one output, equal types and shapes; any type of fixed element size. A copy when both
/// layouts have the same order.
///
///     HADRON_ASSIGN_OR_RETURN(auto kernel, MakeReorderKernel(produced, wanted, threads));
base::StatusOr<std::unique_ptr<Kernel>> MakeReorderKernel(const TensorSpec& from,
                                                          const TensorSpec& to, int threads);

}  // namespace hadron::backend
