#include "backend/opencl/epilogue.h"

#include <fmt/format.h>

#include <array>

namespace hadron::backend::opencl {
namespace {

using base::Status;
using Kind = graph::PostOp::Kind;

/// One row a kind, in the order of Kind. `statement` has {0} for the number of the step.
struct Row {
  Kind kind;
  int constants;  ///< of a and b, how many the statement reads
  const char* statement;
};
constexpr std::array kRows = {
    Row{Kind::kScale, 0, "v *= LOAD(p{0} + p{0}_at + (channel));"},
    Row{Kind::kShift, 0, "v += LOAD(p{0} + p{0}_at + (channel));"},
    Row{Kind::kAdd, 0, "v += LOAD(p{0} + p{0}_at + (place));"},
    Row{Kind::kRelu, 0, "v = relu_##T(v);"},
    Row{Kind::kLeakyRelu, 1, "v = leaky_relu_##T(v, a{0});"},
    Row{Kind::kClip, 2, "v = clip_##T(v, a{0}, b{0});"},
    Row{Kind::kSigmoid, 0, "v = sigmoid_##T(v);"},
    Row{Kind::kTanh, 0, "v = hyperbolic_tangent_##T(v);"},
    Row{Kind::kSoftplus, 0, "v = softplus_##T(v);"},
    Row{Kind::kElu, 1, "v = elu_##T(v, a{0});"},
    Row{Kind::kGelu, 0, "v = gelu_##T(v);"},
    Row{Kind::kGeluTanh, 0, "v = gelu_tanh_##T(v);"},
    Row{Kind::kSwish, 1, "v = swish_##T(v, a{0});"},
    Row{Kind::kHardSigmoid, 2, "v = hard_sigmoid_##T(v, a{0}, b{0});"},
    Row{Kind::kHardSwish, 2, "v *= hard_sigmoid_##T(v, a{0}, b{0});"},
};

const Row& RowOf(Kind kind) { return kRows[static_cast<std::size_t>(kind)]; }

Status CheckOperand(const KernelRequest& request, Kind kind, const TensorSpec& operand) {
  const TensorSpec& y = request.outputs[0];
  if (kind == Kind::kAdd) {
    const bool fits = operand.shape == y.shape && SameOrder(operand.layout, y.layout, y.shape);
    return fits ? Status() : NotHere(request, "a fused operand of other shape or layout");
  }
  const std::size_t rank = y.shape.rank();
  const std::size_t axis = graph::ChannelAxis(request.node, rank);
  const bool innermost = axis + 1 == rank || y.layout == Layout::kChannelsLast;
  const bool fits = innermost && (operand.shape.elements() == y.shape[axis] ||
                                  graph::IsRowPerMatrix(operand.shape, y.shape));
  return fits ? Status() : NotHere(request, "a fused operand without a value per channel");
}

}  // namespace

base::StatusOr<Epilogue> Epilogue::Plan(const KernelRequest& request, std::optional<Bias> bias) {
  Epilogue epilogue;
  if (bias) {
    HADRON_RETURN_IF_ERROR(CheckOperand(request, bias->kind, request.inputs[bias->input]));
    epilogue.steps_.push_back({{bias->kind}, bias->input});
  }
  std::size_t input = request.node.inputs.size();
  bool one_row = false;
  for (const graph::PostOp& op : request.node.post_ops) {
    Step& step = epilogue.steps_.emplace_back(Step{op, std::nullopt});
    if (op.operand == graph::kNoValue) continue;
    HADRON_RETURN_IF_ERROR(CheckOperand(request, op.kind, request.inputs[input]));
    if (op.kind != Kind::kAdd) {
      const tensor::Shape& row = request.inputs[input].shape;
      const bool per_matrix = graph::IsRowPerMatrix(row, request.outputs[0].shape);
      (per_matrix ? epilogue.row_per_matrix_ : one_row) = true;
    }
    step.input = input++;
  }
  if (epilogue.row_per_matrix_ && one_row) {
    return NotHere(request, "one row for all matrices beside one for each");
  }
  return epilogue;
}

std::string Epilogue::source() const {
  std::string parameters;
  std::string arguments;
  std::string statements;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Row& row = RowOf(steps_[i].op.kind);
    if (steps_[i].input) {
      parameters += fmt::format(", __global const float* p{0}, ulong p{0}_at", i);
      arguments += fmt::format(", p{0}, p{0}_at", i);
    }
    for (int constant = 0; constant < row.constants; ++constant) {
      parameters += fmt::format(", float {}{}", constant == 0 ? 'a' : 'b', i);
      arguments += fmt::format(", {}{}", constant == 0 ? 'a' : 'b', i);
    }
    statements += fmt::format(" {}", fmt::format(fmt::runtime(row.statement), i));
  }
  return fmt::format(
      "#define POST_PARAMETERS {}\n#define POST_ARGUMENTS {}\n"
      "#define POST(T, LOAD, v, channel, place){}\n",
      parameters, arguments, statements);
}

std::vector<std::size_t> Epilogue::AddedInPlace() const {
  std::vector<std::size_t> inputs;
  for (const Step& step : steps_) {
    if (step.op.kind == Kind::kAdd && step.input) inputs.push_back(*step.input);
  }
  return inputs;
}

void Epilogue::Bind(const KernelArgs& args, ArgumentWriter& arguments) const {
  for (const Step& step : steps_) {
    const int constants = RowOf(step.op.kind).constants;
    if (step.input) arguments.Tensor(args.inputs[*step.input]);
    if (constants > 0) arguments.Scalar(step.op.a);
    if (constants > 1) arguments.Scalar(step.op.b);
  }
}

bool FusesAll(const graph::PostOp&) { return true; }

}  // namespace hadron::backend::opencl
