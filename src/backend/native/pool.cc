// Max and average pools over 1 to 3 spatial axes, channels-last: a window is a list of rows of
// channels.
#include <array>

#include "backend/native/isa.h"
#include "backend/native/operators.h"
#include "backend/native/parallel.h"
#include "backend/native/steps.h"
#include "graph/window.h"

namespace hadron::backend::native {
namespace {

using base::Status;
using base::StatusOr;

/// Rows of a window that are handed to the vector kernel at once; larger windows go in parts.
constexpr std::size_t kMaxRows = 64;

/// Where one output position's window starts and how far it reaches along one axis.
struct Reach {
  std::int64_t first = 0;   ///< first input position inside
  std::int64_t count = 0;   ///< taps inside
  std::int64_t padded = 0;  ///< taps inside the padded input
};

struct PoolAxis {
  std::int64_t size = 1;
  std::int64_t output = 1;
  std::int64_t dilation = 1;
  std::vector<Reach> reach;  ///< by output position
};

PoolAxis MakeAxis(const graph::WindowAxis& a, std::int64_t size) {
  PoolAxis axis{size, a.output, a.dilation, {}};
  for (std::int64_t o = 0; o < a.output; ++o) {
    Reach& r = axis.reach.emplace_back();
    const std::int64_t start = o * a.stride - a.pad_begin;
    for (std::int64_t k = 0; k < a.kernel; ++k) {
      const std::int64_t at = start + k * a.dilation;
      if (at < size + a.pad_end) ++r.padded;
      if (at < 0 || at >= size) continue;
      if (r.count == 0) r.first = at;
      ++r.count;
    }
  }
  return axis;
}

struct PoolPlan {
  PoolKind kind = PoolKind::kMax;
  bool count_padding = false;
  std::int64_t images = 1;
  std::int64_t channels = 1;
  std::array<PoolAxis, 3> axes;
  std::int64_t pixels() const { return axes[0].output * axes[1].output * axes[2].output; }
};

struct PoolRun {
  std::shared_ptr<const PoolPlan> plan;
  StepList steps;
  const float* x;
  float* y;
  int threads;

  void operator()() const {
    ParallelFor(threads, plan->images * plan->pixels(),
                [&](std::int64_t first, std::int64_t last) { Pixels(first, last); });
  }

  void Pixels(std::int64_t first, std::int64_t last) const {
    const PoolPlan& p = *plan;
    const auto& [d, h, w] = p.axes;
    const std::int64_t image = d.size * h.size * w.size * p.channels;
    const auto channels = Size(p.channels);
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t pixel = i % p.pixels();
      const Reach& rw = w.reach[Size(pixel % w.output)];
      const Reach& rh = h.reach[Size(pixel / w.output % h.output)];
      const Reach& rd = d.reach[Size(pixel / w.output / h.output)];
      float* out = y + i * p.channels;
      Window(x + i / p.pixels() * image, rd, rh, rw, out);
      if (p.kind == PoolKind::kSum) {
        const std::int64_t count =
            p.count_padding ? rd.padded * rh.padded * rw.padded : rd.count * rh.count * rw.count;
        const float divisor = count > 0 ? static_cast<float>(count) : 1.0F;
        Vector().binary(BinaryKind::kDiv, out, 1, &divisor, 0, out, channels);
      }
      if (steps.count == 0) continue;
      Vector().apply(steps, {0, Size(i * p.channels), false}, out, out, channels);
    }
  }

  void Window(const float* in, const Reach& rd, const Reach& rh, const Reach& rw,
              float* out) const {
    const PoolPlan& p = *plan;
    const auto& [d, h, w] = p.axes;
    const float* rows[kMaxRows + 1];
    std::size_t count = 0;
    bool partial = false;
    for (std::int64_t a = 0; a < rd.count; ++a) {
      for (std::int64_t b = 0; b < rh.count; ++b) {
        const std::int64_t line =
            ((rd.first + a * d.dilation) * h.size + rh.first + b * h.dilation) * w.size + rw.first;
        for (std::int64_t c = 0; c < rw.count; ++c) {
          if (count == kMaxRows) {
            Flush(rows, count, partial, out);
            count = 0;
            partial = true;
          }
          rows[count++] = in + (line + c * w.dilation) * p.channels;
        }
      }
    }
    Flush(rows, count, partial, out);
  }

  /// Combines the rows, and what is already there if this is not the first part.
  void Flush(const float** rows, std::size_t count, bool partial, float* out) const {
    if (partial) rows[count++] = out;
    Vector().pool(plan->kind, rows, count, out, Size(plan->channels));
  }
};

StatusOr<std::unique_ptr<Kernel>> MakePool(const KernelRequest& request, PoolPlan plan) {
  HADRON_ASSIGN_OR_RETURN(auto steps, PlanSteps(request));
  double taps = 1;
  for (const PoolAxis& axis : plan.axes) {
    taps *= static_cast<double>(axis.size) / static_cast<double>(axis.output);
  }
  const double work = static_cast<double>(request.outputs[0].shape.elements()) * taps * 0.1 +
                      static_cast<double>(plan.images * plan.pixels()) * 15;
  HostKernelParts parts;
  parts.description = "native pool";
  parts.bind = [shared = std::make_shared<const PoolPlan>(std::move(plan)),
                steps = std::move(steps),
                threads = ThreadsFor(work, request.threads)](const KernelArgs& args) {
    return MakeLaunch(PoolRun{shared, BindSteps(steps, args), Floats(args.inputs[0]),
                              MutableFloats(args.outputs[0]), threads});
  };
  return MakeHostKernel(std::move(parts));
}

Status Check(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  const TensorSpec& x = request.inputs[0];
  const bool fits = x.shape.rank() >= 3 && x.shape.rank() <= 5 && IsChannelsLast(x) &&
                    IsChannelsLast(request.outputs[0]) && request.outputs.size() == 1;
  if (!fits) return NotHere(request, "this form of pool");
  return x.shape.elements() > 0 ? Status() : NotHere(request, "empty tensors");
}

StatusOr<std::unique_ptr<Kernel>> CreatePool(const KernelRequest& request, PoolKind kind) {
  HADRON_RETURN_IF_ERROR(Check(request));
  const tensor::Shape& x = request.inputs[0].shape;
  HADRON_ASSIGN_OR_RETURN(const auto window, graph::ResolvePool(request.node, x));
  PoolPlan plan{kind, window.count_include_pad, x[0], x[1], {}};
  plan.axes[0] = plan.axes[1] = plan.axes[2] = MakeAxis({.output = 1}, 1);
  const std::size_t shift = 3 - window.axes.size();
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    plan.axes[i + shift] = MakeAxis(window.axes[i], x[i + 2]);
  }
  return MakePool(request, std::move(plan));
}

StatusOr<std::unique_ptr<Kernel>> CreateGlobalPool(const KernelRequest& request, PoolKind kind) {
  HADRON_RETURN_IF_ERROR(Check(request));
  const tensor::Shape& x = request.inputs[0].shape;
  const std::int64_t pixels = x.elements() / (x[0] * x[1]);
  PoolPlan plan{kind, false, x[0], x[1], {}};
  plan.axes[0] = plan.axes[1] = MakeAxis({.output = 1}, 1);
  plan.axes[2] = MakeAxis({.kernel = pixels, .output = 1}, pixels);
  return MakePool(request, std::move(plan));
}

}  // namespace

void RegisterPool(KernelRegistry& registry) {
  const auto add = [&](std::string_view op_type, auto create, PoolKind kind) {
    registry.Add(
        BackendId::kNative,
        {.op_type = op_type,
         .layout = LayoutRule::kChannelsLast,
         .create = [create, kind](const KernelRequest& request) { return create(request, kind); },
         .fuses = FusesAll});
  };
  add("MaxPool", CreatePool, PoolKind::kMax);
  add("AveragePool", CreatePool, PoolKind::kSum);
  add("GlobalMaxPool", CreateGlobalPool, PoolKind::kMax);
  add("GlobalAveragePool", CreateGlobalPool, PoolKind::kSum);
}

}  // namespace hadron::backend::native
