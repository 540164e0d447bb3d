#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "backend/kernel.h"
#include "graph/window.h"

namespace hadron::backend::opencl {

/// Shapes of a sliding window over a channels-last tensor: three spatial axes, leading ones 1.
/// Channels are per group.
struct WindowShape {
  std::int64_t images = 1;
  std::int64_t groups = 1;
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::array<std::int64_t, 3> in_size = {1, 1, 1};
  std::array<graph::WindowAxis, 3> axes;  ///< resolved; `output` is the output's size
  bool transposed = false;

  /// Every output reads the input at its own place and nothing else.
  bool pointwise() const;
  std::int64_t taps() const { return axes[0].kernel * axes[1].kernel * axes[2].kernel; }
};
/// For tensors x and y of equal rank 3 to 5; `y` is output 0.
WindowShape ShapeOf(const graph::Window& window, const tensor::Shape& x, const tensor::Shape& y);

/// `Axis` of kernels/window.clh: place q of the result reads inputs q * in_step + in_origin +
/// t * tap_step and lies at q * out_step + out_origin.
struct KernelAxis {
  std::int32_t count = 1;
  std::int32_t taps = 1;
  std::int32_t in_step = 1;
  std::int32_t in_origin = 0;
  std::int32_t tap_step = 1;
  std::int32_t in_size = 1;
  std::int32_t out_step = 1;
  std::int32_t out_origin = 0;
  std::int32_t out_size = 1;
};

/// `Window` of kernels/window.clh.
struct KernelWindow {
  std::array<KernelAxis, 3> axes;
  std::int32_t rows = 0;
  std::int32_t in_pitch = 0;
  std::int32_t out_pitch = 0;
  std::int32_t depth = 0;
  std::int32_t columns = 0;
  std::int32_t panels = 0;        ///< set by the kernel's family
  std::int32_t panel_floats = 0;  ///< set by the kernel's family
  std::int32_t merged = 0;
};
static_assert(sizeof(KernelWindow) == 35 * sizeof(std::int32_t));

/// One launch: all of a window, or the outputs of a transposed one that share taps, which are those
/// of equal (o + pad) mod stride along each axis.
struct Phase {
  KernelWindow window;
  std::array<std::vector<std::int64_t>, 3> kernel_index;  ///< by tap, its place in the kernel

  std::int64_t taps() const {
    return window.axes[0].taps * window.axes[1].taps * window.axes[2].taps;
  }
  /// Place of a tap (last axis fastest) among a channel's weights.
  std::int64_t KernelOffset(std::int64_t tap, const WindowShape& shape) const;
};

/// The phases with at least one output. UNIMPLEMENTED beyond 31-bit sizes.
base::StatusOr<std::vector<Phase>> MakePhases(const WindowShape& shape);

}  // namespace hadron::backend::opencl
