#include "backend/native/steps.h"

#include "backend/native/isa.h"

namespace hadron::backend::native {
namespace {

using base::Status;
using base::StatusOr;
using graph::PostOp;

/// By PostOp::Kind.
constexpr StepKind kStepKinds[] = {
    StepKind::kScale,     StepKind::kShift,       StepKind::kAdd,       StepKind::kRelu,
    StepKind::kLeakyRelu, StepKind::kClip,        StepKind::kSigmoid,   StepKind::kTanh,
    StepKind::kSoftplus,  StepKind::kElu,         StepKind::kGelu,      StepKind::kGeluTanh,
    StepKind::kSwish,     StepKind::kHardSigmoid, StepKind::kHardSwish,
};
static_assert(std::size(kStepKinds) == static_cast<std::size_t>(PostOp::Kind::kHardSwish) + 1);

StepKind KindOf(PostOp::Kind kind) { return kStepKinds[static_cast<std::size_t>(kind)]; }

Status CheckOperand(const KernelRequest& request, const PostOp& op, const TensorSpec& operand) {
  const TensorSpec& y = request.outputs[0];
  if (op.kind == PostOp::Kind::kAdd) {
    const bool fits = operand.shape == y.shape &&
                      (operand.layout == y.layout || SameOrder(operand.layout, y.layout, y.shape));
    return fits ? Status() : NotHere(request, "a fused operand differs in shape or layout");
  }
  const std::size_t rank = y.shape.rank();
  const bool fits =
      rank >= 2 && (operand.shape.elements() == y.shape[graph::ChannelAxis(request.node, rank)] ||
                    graph::IsRowPerMatrix(operand.shape, y.shape));
  return fits ? Status() : NotHere(request, "a fused operand does not have a value per channel");
}

}  // namespace

StatusOr<std::vector<PlannedStep>> PlanSteps(const KernelRequest& request) {
  std::vector<PlannedStep> steps;
  if (request.node.post_ops.size() > Size(kMaxSteps)) {
    return NotHere(request, "too many fused operations");
  }
  int input = static_cast<int>(request.node.inputs.size());
  for (const PostOp& op : request.node.post_ops) {
    PlannedStep planned{{KindOf(op.kind), op.a, op.b}, -1};
    if (op.operand != graph::kNoValue) {
      const TensorSpec& operand = request.inputs[static_cast<std::size_t>(input)];
      HADRON_RETURN_IF_ERROR(CheckOperand(request, op, operand));
      planned.row_per_matrix = op.kind != PostOp::Kind::kAdd &&
                               graph::IsRowPerMatrix(operand.shape, request.outputs[0].shape);
      planned.input = input++;
    }
    steps.push_back(planned);
  }
  return steps;
}

StepList BindSteps(std::span<const PlannedStep> steps, const KernelArgs& args) {
  StepList list;
  bool light = true;
  for (const PlannedStep& planned : steps) {
    Step step = planned.step;
    if (planned.input >= 0) {
      step.operand = Floats(args.inputs[static_cast<std::size_t>(planned.input)]);
    }
    light = light && IsLight(step.kind);
    if (light) ++list.light;
    list.steps[list.count++] = step;
  }
  return list;
}

std::vector<std::size_t> AddedInPlace(std::span<const PlannedStep> steps) {
  std::vector<std::size_t> inputs;
  for (const PlannedStep& planned : steps) {
    if (!IsLight(planned.step.kind)) break;  // heavy steps work on what is stored already
    if (planned.step.kind == StepKind::kAdd && planned.input >= 0) {
      inputs.push_back(static_cast<std::size_t>(planned.input));
    }
  }
  return inputs;
}

bool FusesAll(const PostOp&) { return true; }

RowShape RowsOf(const TensorSpec& spec) {
  const std::int64_t elements = spec.shape.elements();
  if (spec.shape.rank() < 2 || elements == 0) return {1, elements, false, 1};
  const std::int64_t channels = spec.shape[1];
  if (spec.shape.rank() == 2 || IsChannelsLast(spec)) {
    return {elements / channels, channels, false, channels};
  }
  const std::int64_t planes = spec.shape[0] * channels;
  return {planes, elements / planes, true, channels};
}

void ApplyToRows(const StepList& steps, const RowShape& shape, const float* x, float* y,
                 std::int64_t first, std::int64_t last) {
  const VectorKernels& vector = Vector();
  for (std::int64_t row = first; row < last; ++row) {
    const std::size_t at = Size(row * shape.count);
    const std::size_t channel = shape.scalar_channel ? Size(row % shape.channels) : 0;
    vector.apply(steps, {channel, at, shape.scalar_channel}, x + at, y + at, Size(shape.count));
  }
}

}  // namespace hadron::backend::native
