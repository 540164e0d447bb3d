// Conv and ConvTranspose over 1 to 3 spatial axes, channels-last.
#include <fmt/format.h>

#include <algorithm>

#include "backend/native/direct_plan.h"
#include "backend/native/isa.h"
#include "backend/native/line_plan.h"
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

/// One of the convolutions that a LinePlan computes together.
struct Link {
  ConvShape shape;
  DirectKernelParts parts;
  std::size_t inputs = 0;  ///< of its request
};

StatusOr<Link> LinkOf(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckLayouts(request));
  HADRON_ASSIGN_OR_RETURN(
      const graph::Window window,
      graph::ResolveConv(request.node, request.inputs[0].shape, request.inputs[1].shape));
  Link link;
  link.shape = ShapeOf(request, window, false);
  link.inputs = request.inputs.size();
  HADRON_ASSIGN_OR_RETURN(link.parts.steps, PlanSteps(request));
  link.parts.strides = StridesOf(link.shape);
  link.parts.strides_key = ":MC";
  link.parts.bias_input = request.node.HasInput(2) ? 2 : -1;
  if (request.constants[1] == nullptr || WantsWinograd(request, link.shape)) {
    return NotHere(request, "not for lines");
  }
  link.parts.plan = DirectPlan::Make(link.shape);
  if (link.parts.plan == nullptr) return NotHere(request, "sizes beyond the native convolution");
  return link;
}

struct LineRun {
  std::shared_ptr<const LinePlan> plan;
  std::vector<DirectMemory> memories;
  float* scratch;
  void operator()() const { plan->Run(memories, scratch); }
};

/// The convolution's part of the kernel's inputs, as if it were alone.
KernelArgs ArgsOf(const KernelArgs& args, const Link& link, bool first, std::size_t& at) {
  KernelArgs own;
  if (!first) own.inputs.emplace_back();
  while (own.inputs.size() < link.inputs) own.inputs.push_back(args.inputs[at++]);
  own.outputs = args.outputs;
  return own;
}

std::unique_ptr<Launch> BindLines(const std::shared_ptr<const LinePlan>& plan,
                                  const std::vector<Link>& links, const KernelArgs& args) {
  LineRun run{plan, {}, MutableFloats(args.scratch)};
  std::size_t at = 0;
  for (const Link& link : links) {
    const KernelArgs own = ArgsOf(args, link, run.memories.empty(), at);
    DirectMemory& memory = run.memories.emplace_back();
    memory.x = Floats(own.inputs[0]);
    memory.weights = Floats(own.inputs[1]);
    if (link.parts.bias_input >= 0) {
      memory.bias = Floats(own.inputs[static_cast<std::size_t>(link.parts.bias_input)]);
    }
    memory.y = MutableFloats(own.outputs[0]);
    memory.zeros = link.parts.plan->zeros();
    memory.steps = BindSteps(link.parts.steps, own);
  }
  return MakeLaunch(std::move(run));
}

StatusOr<std::unique_ptr<Kernel>> CreateLines(std::span<const KernelRequest> requests) {
  std::vector<Link> links;
  std::vector<ConvShape> shapes;
  for (const KernelRequest& request : requests) {
    HADRON_ASSIGN_OR_RETURN(Link link, LinkOf(request));
    const bool last = links.size() + 1 == requests.size();
    const auto reads = [](const PlannedStep& step) { return step.step.kind == StepKind::kAdd; };
    if (!last && std::ranges::any_of(link.parts.steps, reads)) {
      return NotHere(request, "adds a tensor on the way");
    }
    shapes.push_back(link.shape);
    links.push_back(std::move(link));
  }
  const auto plan = LinePlan::Make(shapes, requests.front().threads);
  if (plan == nullptr) return NotHere(requests.front(), "better one by one");
  HostKernelParts host;
  host.description = fmt::format("native lines:{}", Vector().isa);
  host.scratch_bytes = static_cast<std::uint64_t>(plan->scratch_floats()) * sizeof(float);
  for (const Link& link : links) {
    auto packings = MakeDirectKernel(link.parts)->packings();
    packings.resize(link.inputs);
    const bool first = &link == &links.front();
    host.packings.insert(host.packings.end(), packings.begin() + (first ? 0 : 1), packings.end());
  }
  host.bind = [plan, links = std::move(links)](const KernelArgs& args) {
    return BindLines(plan, links, args);
  };
  return MakeHostKernel(std::move(host));
}

bool Supports(const graph::Node&, std::span<const TensorSpec> inputs) {
  return inputs.size() >= 2 && inputs[0].type == tensor::DataType::kFp32;
}

}  // namespace

void RegisterConv(KernelRegistry& registry) {
  registry.Add(BackendId::kNative, {.op_type = "Conv",
                                    .layout = LayoutRule::kChannelsLast,
                                    .create = CreateConv,
                                    .chain = CreateLines,
                                    .supports = Supports,
                                    .fuses = FusesAll});
  registry.Add(BackendId::kNative, {.op_type = "ConvTranspose",
                                    .layout = LayoutRule::kChannelsLast,
                                    .create = CreateConvTranspose,
                                    .supports = Supports,
                                    .fuses = FusesAll});
}

}  // namespace hadron::backend::native
