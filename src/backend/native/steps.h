#pragma once

#include <span>
#include <vector>

#include "backend/native/host_kernel.h"
#include "backend/native/vector_kernels.h"

namespace hadron::backend::native {

/// Steps of a kernel before their operands are known: `input` is the operand's place among the
/// kernel's inputs, -1 without.
struct PlannedStep {
  Step step;
  int input = -1;
  bool row_per_matrix = false;  ///< see graph::IsRowPerMatrix
};

/// A node's post-ops as steps. UNIMPLEMENTED when there are too many or an operand's shape or
/// layout does not fit the output (channel operands: one value per channel of axis 1).
base::StatusOr<std::vector<PlannedStep>> PlanSteps(const KernelRequest& request);

/// With the operands' addresses.
StepList BindSteps(std::span<const PlannedStep> steps, const KernelArgs& args);

/// Inputs that a light step adds: tiles read them right before they are stored.
std::vector<std::size_t> AddedInPlace(std::span<const PlannedStep> steps);

/// Every post-op has a step.
bool FusesAll(const graph::PostOp& op);

/// A tensor as rows of equal channel, for steps on memory: channels-last tensors are rows of
/// `count` channels, plain ones rows of one channel.
struct RowShape {
  std::int64_t rows = 1;
  std::int64_t count = 1;
  bool scalar_channel = false;
  std::int64_t channels = 1;
};
RowShape RowsOf(const TensorSpec& spec);

/// Applies the steps to rows [first, last) of a tensor.
void ApplyToRows(const StepList& steps, const RowShape& shape, const float* x, float* y,
                 std::int64_t first, std::int64_t last);

}  // namespace hadron::backend::native
