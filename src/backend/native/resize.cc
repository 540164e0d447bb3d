// Resize over 1 to 3 spatial axes, channels-last: a pixel is a row of channels, copied (nearest) or
// a weighted sum of rows (linear, cubic).
#include "graph/resize.h"

#include <array>

#include "backend/native/host_kernel.h"
#include "backend/native/operators.h"
#include "backend/native/parallel.h"

namespace hadron::backend::native {
namespace {

using base::StatusOr;

struct ResizePlan {
  struct Tap {
    std::int64_t index = 0;
    float weight = 1;
  };
  struct Axis {
    std::int64_t in = 1;
    std::int64_t out = 1;
    std::size_t taps = 1;    ///< by output position
    std::vector<Tap> table;  ///< [out][taps]
  };
  std::array<Axis, 3> axes;  ///< leading ones are of size one
  std::int64_t images = 1;
  std::int64_t channels = 1;
  std::int64_t pixels() const { return axes[0].out * axes[1].out * axes[2].out; }
};

ResizePlan::Axis Unchanged(std::int64_t size) {
  ResizePlan::Axis axis{size, size, 1, {}};
  for (std::int64_t i = 0; i < size; ++i) axis.table.push_back({i, 1});
  return axis;
}

ResizePlan::Axis Changed(const graph::ResizeAxis& resized) {
  ResizePlan::Axis axis{resized.in, resized.out, resized.taps[0].size(), {}};
  for (const auto& taps : resized.taps) {
    for (const auto& [index, weight] : taps) {
      axis.table.push_back({index, static_cast<float>(weight)});
    }
  }
  return axis;
}

struct ResizeRun {
  std::shared_ptr<const ResizePlan> plan;
  const float* x = nullptr;
  float* y = nullptr;
  int threads = 1;

  void operator()() const {
    ParallelFor(threads, plan->images * plan->pixels(),
                [this](std::int64_t first, std::int64_t last) {
                  for (std::int64_t pixel = first; pixel < last; ++pixel) Pixel(pixel);
                });
  }

  void Pixel(std::int64_t pixel) const {
    const auto& [d, h, w] = plan->axes;
    const std::int64_t qw = pixel % w.out;
    const std::int64_t qh = pixel / w.out % h.out;
    const std::int64_t qd = pixel / w.out / h.out % d.out;
    const std::int64_t image = pixel / plan->pixels();
    const float* const from = x + image * d.in * h.in * w.in * plan->channels;
    float* const to = y + pixel * plan->channels;
    bool first = true;
    for (std::size_t i = 0; i < d.taps; ++i) {
      const auto& a = d.table[Size(qd) * d.taps + i];
      for (std::size_t j = 0; j < h.taps; ++j) {
        const auto& b = h.table[Size(qh) * h.taps + j];
        for (std::size_t k = 0; k < w.taps; ++k) {
          const auto& c = w.table[Size(qw) * w.taps + k];
          const std::int64_t at = ((a.index * h.in + b.index) * w.in + c.index) * plan->channels;
          Add(from + at, a.weight * b.weight * c.weight, first, to);
          first = false;
        }
      }
    }
  }

  void Add(const float* row, float weight, bool first, float* to) const {
    const std::int64_t count = plan->channels;
    if (first && weight == 1) {
      std::copy_n(row, count, to);
    } else if (first) {
      for (std::int64_t i = 0; i < count; ++i) to[i] = weight * row[i];
    } else {
      for (std::int64_t i = 0; i < count; ++i) to[i] += weight * row[i];
    }
  }
};

base::Status CheckRequest(const KernelRequest& request) {
  if (request.inputs[0].type != tensor::DataType::kFp32) return NotHere(request, "this type");
  if (!request.node.post_ops.empty()) return NotHere(request, "fused operations");
  const tensor::Shape& x = request.inputs[0].shape;
  if (x.rank() < 3 || x.rank() > 5) return NotHere(request, "this rank");
  if (x.elements() == 0 || request.outputs[0].shape.elements() == 0) {
    return NotHere(request, "empty tensors");
  }
  if (!IsChannelsLast(request.inputs[0]) || !IsChannelsLast(request.outputs[0])) {
    return NotHere(request, "the native kernel needs channels-last tensors");
  }
  return {};
}

/// The scales, empty when the node has sizes.
StatusOr<std::vector<double>> ScalesOf(const KernelRequest& request) {
  if (!request.node.HasInput(2) || request.inputs[2].shape.elements() == 0) {
    return std::vector<double>();
  }
  if (request.constants[2] == nullptr) return NotHere(request, "computed scales");
  return request.constants[2]->Doubles();
}

StatusOr<std::shared_ptr<const ResizePlan>> PlanResize(const KernelRequest& request) {
  const tensor::Shape& x = request.inputs[0].shape;
  HADRON_ASSIGN_OR_RETURN(const auto scales, ScalesOf(request));
  auto plan = std::make_shared<ResizePlan>();
  plan->images = x[0];
  plan->channels = x[1];
  const std::size_t lead = 5 - x.rank();
  for (std::size_t i = 0; i < 3; ++i) plan->axes[i] = Unchanged(i < lead ? 1 : x[i - lead + 2]);
  for (const graph::ResizeAxis& axis :
       graph::ResizeAxes(request.node, x, request.outputs[0].shape, scales)) {
    if (axis.index < 2) return NotHere(request, "resized images or channels");
    plan->axes[axis.index + lead - 2] = Changed(axis);
  }
  return std::shared_ptr<const ResizePlan>(std::move(plan));
}

StatusOr<std::unique_ptr<Kernel>> CreateResize(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckRequest(request));
  HADRON_ASSIGN_OR_RETURN(auto plan, PlanResize(request));
  double work = static_cast<double>(request.outputs[0].shape.elements()) * 0.2;
  for (const ResizePlan::Axis& axis : plan->axes) work *= static_cast<double>(axis.taps);
  HostKernelParts parts;
  parts.description = "native resize";
  parts.bind = [plan = std::move(plan),
                threads = ThreadsFor(work, request.threads)](const KernelArgs& args) {
    return MakeLaunch(
        ResizeRun{plan, Floats(args.inputs[0]), MutableFloats(args.outputs[0]), threads});
  };
  return MakeHostKernel(std::move(parts));
}

}  // namespace

void RegisterResize(KernelRegistry& registry) {
  registry.Add(BackendId::kNative,
               {.op_type = "Resize", .layout = LayoutRule::kChannelsLast, .create = CreateResize});
}

}  // namespace hadron::backend::native
