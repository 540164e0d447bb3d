#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "tensor/shape.h"

namespace hadron::graph {

/// One spatial axis of a sliding window. Element `o` of the short side (a convolution's output, a
/// transposed one's input) meets element `o * stride - pad_begin + tap * dilation` of the long side
/// for every tap in [0, kernel).
struct WindowAxis {
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad_begin = 0;
  std::int64_t pad_end = 0;
  std::int64_t output_padding = 0;  ///< ConvTranspose: extra elements at the end
  std::int64_t output = -1;         ///< size of the output, set by Resolve*

  /// Extent of the dilated kernel.
  std::int64_t extent() const { return (kernel - 1) * dilation + 1; }
};

enum class AutoPad : std::uint8_t { kNotSet, kValid, kSameUpper, kSameLower };

/// Geometry of Conv, ConvTranspose, MaxPool, AveragePool: their attributes, checked (kernels,
/// strides and dilations of at least one, no negative pads, nothing that can overflow). A backend
/// asks for the resolved form, in which every pad and output size is a number. A value type.
///
///     HADRON_ASSIGN_OR_RETURN(Window w, ResolveConv(node, x.shape, weights.shape));
///     for (const WindowAxis& axis : w.axes) Use(axis.stride, axis.pad_begin, axis.output);
struct Window {
  std::vector<WindowAxis> axes;
  AutoPad auto_pad = AutoPad::kNotSet;
  bool ceil_mode = false;
  bool count_include_pad = false;          ///< AveragePool
  std::int64_t group = 1;                  ///< convolutions
  std::vector<std::int64_t> output_shape;  ///< ConvTranspose; empty: computed
};

/// The attributes for a window of this kernel; pads and outputs not yet resolved.
base::StatusOr<Window> ReadWindow(const Node& node, std::span<const std::int64_t> kernel);

/// Sets the pads (auto_pad) and the output of one axis for an input of `size` elements.
base::Status ResolveAxis(const Node& node, const Window& window, WindowAxis& axis,
                         std::int64_t size);
/// The same for ConvTranspose; `index` is the axis' place in output_shape.
base::Status ResolveTransposedAxis(const Node& node, const Window& window, std::size_t index,
                                   WindowAxis& axis, std::int64_t size);

/// Fully resolved geometry for tensors of these shapes.
base::StatusOr<Window> ResolveConv(const Node& node, const tensor::Shape& x,
                                   const tensor::Shape& weights);
base::StatusOr<Window> ResolveConvTranspose(const Node& node, const tensor::Shape& x,
                                            const tensor::Shape& weights);
base::StatusOr<Window> ResolvePool(const Node& node, const tensor::Shape& x);

}  // namespace hadron::graph
