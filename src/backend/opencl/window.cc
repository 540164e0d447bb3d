#include "backend/opencl/window.h"

#include <algorithm>
#include <climits>
#include <numeric>

#include "backend/opencl/tile.h"

namespace hadron::backend::opencl {
namespace {

struct AxisPhase {
  KernelAxis axis;
  std::vector<std::int64_t> kernel_index;
};

std::int32_t Narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

AxisPhase ForwardAxis(const graph::WindowAxis& w, std::int64_t in_size) {
  AxisPhase phase;
  phase.axis = {.count = Narrow(w.output),
                .taps = Narrow(w.kernel),
                .in_step = Narrow(w.stride),
                .in_origin = Narrow(-w.pad_begin),
                .tap_step = Narrow(w.dilation),
                .in_size = Narrow(in_size),
                .out_step = 1,
                .out_origin = 0,
                .out_size = Narrow(w.output)};
  phase.kernel_index.resize(Size(w.kernel));
  std::iota(phase.kernel_index.begin(), phase.kernel_index.end(), 0);
  return phase;
}

/// Outputs o = origin + q * stride read inputs q + (origin + pad - k * dilation) / stride for every
/// k that makes the division exact. Taps are taken backwards: inputs in ascending order.
AxisPhase TransposedAxis(const graph::WindowAxis& w, std::int64_t in_size, std::int64_t origin) {
  AxisPhase phase;
  std::vector<std::int64_t> inputs;
  for (std::int64_t k = w.kernel - 1; k >= 0; --k) {
    const std::int64_t distance = origin + w.pad_begin - k * w.dilation;
    if (distance % w.stride != 0) continue;
    inputs.push_back(distance / w.stride);
    phase.kernel_index.push_back(k);
  }
  phase.axis = {.count = Narrow(std::max<std::int64_t>(0, CeilDivide(w.output - origin, w.stride))),
                .taps = Narrow(static_cast<std::int64_t>(inputs.size())),
                .in_step = 1,
                .in_origin = inputs.empty() ? 0 : Narrow(inputs[0]),
                .tap_step = inputs.size() < 2 ? 1 : Narrow(inputs[1] - inputs[0]),
                .in_size = Narrow(in_size),
                .out_step = Narrow(w.stride),
                .out_origin = Narrow(origin),
                .out_size = Narrow(w.output)};
  return phase;
}

std::vector<AxisPhase> AxisPhases(const WindowShape& shape, std::size_t i) {
  const graph::WindowAxis& w = shape.axes[i];
  if (!shape.transposed) return {ForwardAxis(w, shape.in_size[i])};
  std::vector<AxisPhase> phases;
  for (std::int64_t origin = 0; origin < std::min(w.stride, w.output); ++origin) {
    phases.push_back(TransposedAxis(w, shape.in_size[i], origin));
  }
  return phases;
}

Phase Combine(const WindowShape& shape, const std::array<const AxisPhase*, 3>& axes) {
  Phase phase;
  KernelWindow& w = phase.window;
  std::int64_t rows = shape.images;
  for (std::size_t i = 0; i < 3; ++i) {
    w.axes[i] = axes[i]->axis;
    phase.kernel_index[i] = axes[i]->kernel_index;
    rows *= w.axes[i].count;
  }
  w.rows = Narrow(rows);
  w.in_pitch = Narrow(shape.groups * shape.in_channels);
  w.out_pitch = Narrow(shape.groups * shape.out_channels);
  w.depth = Narrow(shape.in_channels);
  w.columns = Narrow(shape.out_channels);
  w.merged = shape.groups == 1 && w.axes[2].tap_step == 1 ? 1 : 0;
  return phase;
}

bool Fits(const WindowShape& shape) {
  double in = static_cast<double>(shape.images * shape.groups * shape.in_channels);
  double depth = static_cast<double>(shape.in_channels);
  for (std::size_t i = 0; i < 3; ++i) {
    const graph::WindowAxis& w = shape.axes[i];
    in *= static_cast<double>(shape.in_size[i] + w.pad_begin + w.pad_end) +
          static_cast<double>(w.extent());
    depth *= static_cast<double>(w.kernel);
  }
  return in < INT_MAX && depth < INT_MAX / 64;
}

}  // namespace

bool WindowShape::pointwise() const {
  for (std::size_t i = 0; i < 3; ++i) {
    const graph::WindowAxis& w = axes[i];
    if (w.kernel != 1 || w.stride != 1 || w.pad_begin != 0 || w.output != in_size[i]) return false;
  }
  return groups == 1;
}

WindowShape ShapeOf(const graph::Window& window, const tensor::Shape& x, const tensor::Shape& y) {
  const std::size_t shift = 3 - window.axes.size();
  WindowShape shape;
  shape.images = x[0];
  shape.groups = window.group;
  shape.in_channels = x[1] / window.group;
  shape.out_channels = y[1] / window.group;
  for (auto& axis : shape.axes) axis.output = 1;
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    shape.in_size[i + shift] = x[i + 2];
    shape.axes[i + shift] = window.axes[i];
    shape.axes[i + shift].output = y[i + 2];
  }
  return shape;
}

std::int64_t Phase::KernelOffset(std::int64_t tap, const WindowShape& shape) const {
  const std::int64_t w = tap % window.axes[2].taps;
  const std::int64_t h = tap / window.axes[2].taps % window.axes[1].taps;
  const std::int64_t d = tap / window.axes[2].taps / window.axes[1].taps;
  return (kernel_index[0][Size(d)] * shape.axes[1].kernel + kernel_index[1][Size(h)]) *
             shape.axes[2].kernel +
         kernel_index[2][Size(w)];
}

base::StatusOr<std::vector<Phase>> MakePhases(const WindowShape& shape) {
  if (!Fits(shape)) return base::Unimplemented("a window of sizes beyond OpenCL's 31 bits");
  std::vector<Phase> phases;
  const auto deep = AxisPhases(shape, 0);
  const auto high = AxisPhases(shape, 1);
  const auto wide = AxisPhases(shape, 2);
  for (const AxisPhase& d : deep) {
    for (const AxisPhase& h : high) {
      for (const AxisPhase& w : wide) phases.push_back(Combine(shape, {&d, &h, &w}));
    }
  }
  return phases;
}

}  // namespace hadron::backend::opencl
