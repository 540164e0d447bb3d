// Convolutions over 1 to 3 spatial axes: X [N,C,d..], W [M,C/group,k..] or, transposed,
// [C,M/group,k..], optional bias [M].
#include <fmt/format.h>

#include "graph/ops/util.h"
#include "graph/window.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;

/// The kernel's spatial sizes, from the attribute where the weights are computed.
StatusOr<std::vector<std::int64_t>> Kernel(const InferContext& c) {
  const SymbolicShape& weights = c.shape(1);
  const SymbolicShape dims(weights.begin() + 2, weights.end());
  if (FullyKnown(dims)) return ToShape(dims).vector();
  std::vector<std::int64_t> kernel = c.attributes().Ints("kernel_shape");
  if (kernel.size() == dims.size()) return kernel;
  return c.Unsupported("weights of unknown shape need the attribute 'kernel_shape'");
}

Status CheckOperands(const InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 1));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 3, 5));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 1, c.rank(0), c.rank(0)));
  return c.has_input(2) ? c.RequireSameType(0, 2) : Status();
}

Status RequireMultiple(const InferContext& c, const Dim& dim, std::int64_t group,
                       std::string_view what) {
  if (!dim.known() || (dim.value() % group == 0 && dim.value() > 0)) return {};
  return c.Invalid(fmt::format("{} {} cannot be split into {} groups", dim.value(), what, group));
}

/// The output keeps a symbolic size where the window provably does.
StatusOr<Dim> OutputDim(InferContext& c, const Window& window, WindowAxis axis, const Dim& size) {
  if (size.known()) {
    HADRON_RETURN_IF_ERROR(ResolveAxis(c.node(), window, axis, size.value()));
    return Dim(axis.output);
  }
  const bool same =
      window.auto_pad == AutoPad::kSameUpper || window.auto_pad == AutoPad::kSameLower;
  const bool keeps = same || axis.pad_begin + axis.pad_end == axis.extent() - 1;
  return axis.stride == 1 && keeps ? size : c.NewSymbol();
}

Status InferConv(InferContext& c) {
  HADRON_RETURN_IF_ERROR(CheckOperands(c));
  HADRON_ASSIGN_OR_RETURN(const auto kernel, Kernel(c));
  HADRON_ASSIGN_OR_RETURN(const Window window, ReadWindow(c.node(), kernel));
  const SymbolicShape& x = c.shape(0);
  const SymbolicShape& w = c.shape(1);
  HADRON_RETURN_IF_ERROR(RequireMultiple(c, x[1], window.group, "input channels"));
  HADRON_RETURN_IF_ERROR(RequireMultiple(c, w[0], window.group, "output channels"));
  const auto channels = w[1].Times(Dim(window.group));
  if (!channels) return c.Invalid("the number of input channels overflows");
  HADRON_RETURN_IF_ERROR(RequireEqual(c, x[1], *channels, "input channels"));
  if (c.has_input(2)) HADRON_RETURN_IF_ERROR(RequireVector(c, 2, w[0]));
  SymbolicShape y = {x[0], w[0]};
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    HADRON_ASSIGN_OR_RETURN(y.emplace_back(), OutputDim(c, window, window.axes[i], x[i + 2]));
  }
  return SetOutput(c, 0, c.type(0), std::move(y));
}

StatusOr<Dim> TransposedDim(InferContext& c, const Window& window, std::size_t index,
                            const Dim& size) {
  WindowAxis axis = window.axes[index];
  if (size.known()) {
    HADRON_RETURN_IF_ERROR(ResolveTransposedAxis(c.node(), window, index, axis, size.value()));
    return Dim(axis.output);
  }
  if (!window.output_shape.empty()) return Dim(window.output_shape[index]);
  const bool same =
      window.auto_pad == AutoPad::kSameUpper || window.auto_pad == AutoPad::kSameLower;
  const std::int64_t rest =
      axis.extent() + axis.output_padding - axis.stride - axis.pad_begin - axis.pad_end;
  const auto scaled = size.Times(Dim(axis.stride));
  return scaled && (same || rest == 0) ? *scaled : c.NewSymbol();
}

/// `output_shape` as the spatial sizes alone, each at least one.
Status CheckOutputShape(const InferContext& c, Window& window) {
  auto& wanted = window.output_shape;
  if (static_cast<std::int64_t>(wanted.size()) == c.rank(0)) {
    wanted.erase(wanted.begin(), wanted.begin() + 2);
  }
  if (!wanted.empty() && wanted.size() != window.axes.size()) {
    return c.Invalid(fmt::format("attribute 'output_shape' has {} entries, expected {}",
                                 wanted.size(), window.axes.size()));
  }
  for (const std::int64_t size : wanted) {
    if (size < 1 || size > INT32_MAX) {
      return c.Invalid(fmt::format("attribute 'output_shape' contains {}", size));
    }
  }
  return {};
}

Status InferConvTranspose(InferContext& c) {
  HADRON_RETURN_IF_ERROR(CheckOperands(c));
  HADRON_ASSIGN_OR_RETURN(const auto kernel, Kernel(c));
  HADRON_ASSIGN_OR_RETURN(Window window, ReadWindow(c.node(), kernel));
  HADRON_RETURN_IF_ERROR(CheckOutputShape(c, window));
  const SymbolicShape& x = c.shape(0);
  const SymbolicShape& w = c.shape(1);
  HADRON_RETURN_IF_ERROR(RequireMultiple(c, x[1], window.group, "input channels"));
  HADRON_RETURN_IF_ERROR(RequireEqual(c, x[1], w[0], "input channels"));
  for (const WindowAxis& axis : window.axes) {
    if (axis.output_padding < std::max(axis.stride, axis.dilation)) continue;
    return c.Invalid(
        fmt::format("output_padding {} must be smaller than the stride {} or the "
                    "dilation {}",
                    axis.output_padding, axis.stride, axis.dilation));
  }
  const auto channels = w[1].Times(Dim(window.group));
  if (!channels) return c.Invalid("the number of output channels overflows");
  if (c.has_input(2)) HADRON_RETURN_IF_ERROR(RequireVector(c, 2, *channels));
  SymbolicShape y = {x[0], *channels};
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    HADRON_ASSIGN_OR_RETURN(y.emplace_back(), TransposedDim(c, window, i, x[i + 2]));
  }
  return SetOutput(c, 0, c.type(0), std::move(y));
}

std::vector<AttributeSpec> ConvAttributes() {
  return {{"auto_pad", AttributeType::kString}, {"dilations", AttributeType::kInts},
          {"group", AttributeType::kInt},       {"kernel_shape", AttributeType::kInts},
          {"pads", AttributeType::kInts},       {"strides", AttributeType::kInts}};
}

}  // namespace

void RegisterConv(OpRegistry& registry) {
  registry.Add({.name = "Conv",
                .versions = {1, 11, 22},
                .min_inputs = 2,
                .max_inputs = 3,
                .attributes = ConvAttributes(),
                .infer = InferConv});
  auto attributes = ConvAttributes();
  attributes.push_back({"output_padding", AttributeType::kInts});
  attributes.push_back({"output_shape", AttributeType::kInts});
  registry.Add({.name = "ConvTranspose",
                .versions = {1, 11, 22},
                .min_inputs = 2,
                .max_inputs = 3,
                .attributes = std::move(attributes),
                .infer = InferConvTranspose});
}

}  // namespace hadron::graph
