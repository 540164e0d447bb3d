// Conv and ConvTranspose over 1 to 3 spatial axes, channels-last.
#include "backend/native/direct_plan.h"
#include "backend/native/operators.h"
#include "backend/native/winograd_plan.h"

namespace hadron::backend::native {
namespace {

using base::Status;
using base::StatusOr;

Status CheckLayouts(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  if (!IsChannelsLast(request.inputs[0]) || !IsChannelsLast(request.outputs[0])) {
    return NotHere(request, "the native convolution needs channels-last tensors");
  }
  if (request.outputs[0].shape.elements() == 0 || request.inputs[1].shape.elements() == 0) {
    return NotHere(request, "empty tensors");
  }
  return {};
}

ConvShape ShapeOf(const KernelRequest& request, const graph::Window& window, bool transposed) {
  const tensor::Shape& x = request.inputs[0].shape;
  const std::size_t shift = 3 - window.axes.size();
  ConvShape shape;
  shape.images = x[0];
  shape.groups = window.group;
  shape.in_channels = x[1] / window.group;
  shape.out_channels = request.outputs[0].shape[1] / window.group;
  shape.transposed = transposed;
  for (auto& axis : shape.axes) axis.output = 1;
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    shape.in_size[i + shift] = x[i + 2];
    shape.axes[i + shift] = window.axes[i];
    shape.axes[i + shift].output = request.outputs[0].shape[i + 2];
  }
  return shape;
}

WeightStrides StridesOf(const ConvShape& shape) {
  std::int64_t taps = 1;
  for (const auto& axis : shape.axes) taps *= axis.kernel;
  const std::int64_t block = shape.in_channels * shape.out_channels * taps;
  if (shape.transposed) return {block, taps, shape.out_channels * taps, 1};
  return {block, shape.in_channels * taps, taps, 1};
}

/// By the rule, unless an earlier plan of the model has packed the weights: then as it did.
bool WantsWinograd(const KernelRequest& request, const ConvShape& shape) {
  if (!request.winograd) return false;
  const std::string_view hint =
      request.packing_hints.size() > 1 ? std::string_view(request.packing_hints[1]) : "";
  if (hint.empty()) return WinogradPlan::Wins(shape);
  return WinogradPlan::Applies(shape) && hint.find(":winograd:") != std::string_view::npos;
}

StatusOr<std::unique_ptr<Kernel>> Create(const KernelRequest& request, const graph::Window& window,
                                         bool transposed) {
  const ConvShape shape = ShapeOf(request, window, transposed);
  DirectKernelParts parts;
  HADRON_ASSIGN_OR_RETURN(parts.steps, PlanSteps(request));
  parts.strides = StridesOf(shape);
  parts.strides_key = transposed ? ":CM" : ":MC";
  parts.constant_weights = request.constants[1] != nullptr;
  parts.bias_input = request.node.HasInput(2) ? 2 : -1;
  parts.threads = request.threads;
  if (parts.constant_weights && WantsWinograd(request, shape)) {
    return MakeWinogradKernel(shape, std::move(parts));
  }
  parts.plan = DirectPlan::Make(shape);
  if (parts.plan == nullptr) return NotHere(request, "sizes beyond the native convolution");
  return MakeDirectKernel(std::move(parts));
}

StatusOr<std::unique_ptr<Kernel>> CreateConv(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckLayouts(request));
  HADRON_ASSIGN_OR_RETURN(
      const graph::Window window,
      graph::ResolveConv(request.node, request.inputs[0].shape, request.inputs[1].shape));
  return Create(request, window, false);
}

StatusOr<std::unique_ptr<Kernel>> CreateConvTranspose(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckLayouts(request));
  HADRON_ASSIGN_OR_RETURN(
      const graph::Window window,
      graph::ResolveConvTranspose(request.node, request.inputs[0].shape, request.inputs[1].shape));
  return Create(request, window, true);
}

bool Supports(const graph::Node&, std::span<const TensorSpec> inputs) {
  return inputs.size() >= 2 && inputs[0].type == tensor::DataType::kFp32;
}

}  // namespace

void RegisterConv(KernelRegistry& registry) {
  registry.Add(BackendId::kNative, {.op_type = "Conv",
                                    .layout = LayoutRule::kChannelsLast,
                                    .create = CreateConv,
                                    .supports = Supports,
                                    .fuses = FusesAll});
  registry.Add(BackendId::kNative, {.op_type = "ConvTranspose",
                                    .layout = LayoutRule::kChannelsLast,
                                    .create = CreateConvTranspose,
                                    .supports = Supports,
                                    .fuses = FusesAll});
}

}  // namespace hadron::backend::native
