#include "graph/window.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;

// Bounds every number of a window, so that products of two of them fit int64.
constexpr std::int64_t kMaxNumber = INT32_MAX;

Status Invalid(const Node& node, std::string_view text) {
  return base::InvalidArgument(fmt::format("{}: {}", node.Label(), text));
}

/// An attribute with `count` entries in [lowest, kMaxNumber]; `missing` for all when absent.
StatusOr<std::vector<std::int64_t>> ReadInts(const Node& node, std::string_view name,
                                             std::size_t count, std::int64_t lowest,
                                             std::int64_t missing) {
  std::vector<std::int64_t> values =
      node.attributes.Ints(name, std::vector<std::int64_t>(count, missing));
  if (values.size() != count) {
    return Invalid(node, fmt::format("attribute '{}' has {} entries, expected {}", name,
                                     values.size(), count));
  }
  for (const std::int64_t v : values) {
    if (v >= lowest && v <= kMaxNumber) continue;
    return Invalid(node, fmt::format("attribute '{}' contains {}, allowed are {}..{}", name, v,
                                     lowest, kMaxNumber));
  }
  return values;
}

StatusOr<AutoPad> ReadAutoPad(const Node& node) {
  const std::string text = node.attributes.String("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return AutoPad::kNotSet;
  if (text == "VALID") return AutoPad::kValid;
  if (text == "SAME_UPPER") return AutoPad::kSameUpper;
  if (text == "SAME_LOWER") return AutoPad::kSameLower;
  return Invalid(node, fmt::format("attribute 'auto_pad' is '{}', expected NOTSET, VALID, "
                                   "SAME_UPPER or SAME_LOWER",
                                   text));
}

std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }

/// Splits padding over the two ends; the odd element goes to the end, or to the beginning.
void SplitPad(std::int64_t total, bool odd_at_end, WindowAxis& axis) {
  const std::int64_t less = total / 2;
  axis.pad_begin = odd_at_end ? less : total - less;
  axis.pad_end = total - axis.pad_begin;
}

Status CheckSize(const Node& node, std::int64_t size) {
  // Far above any real tensor; keeps the sums below int64.
  if (size <= INT64_MAX / 4) return {};
  return Invalid(node, fmt::format("a spatial dimension of {} is too large", size));
}

Status RequirePositive(const Node& node, const WindowAxis& axis, std::int64_t size) {
  if (axis.output > 0) return {};
  return Invalid(node, fmt::format("input of {} elements is too small for kernel {}, dilation {}, "
                                   "pads {} and {}: the output would have {} elements",
                                   size, axis.kernel, axis.dilation, axis.pad_begin, axis.pad_end,
                                   axis.output));
}

}  // namespace

StatusOr<Window> ReadWindow(const Node& node, std::span<const std::int64_t> kernel) {
  const std::size_t n = kernel.size();
  Window window;
  HADRON_ASSIGN_OR_RETURN(const auto declared, ReadInts(node, "kernel_shape", n, 1, 1));
  HADRON_ASSIGN_OR_RETURN(const auto strides, ReadInts(node, "strides", n, 1, 1));
  HADRON_ASSIGN_OR_RETURN(const auto dilations, ReadInts(node, "dilations", n, 1, 1));
  HADRON_ASSIGN_OR_RETURN(const auto pads, ReadInts(node, "pads", 2 * n, 0, 0));
  HADRON_ASSIGN_OR_RETURN(const auto extra, ReadInts(node, "output_padding", n, 0, 0));
  HADRON_ASSIGN_OR_RETURN(window.auto_pad, ReadAutoPad(node));
  window.ceil_mode = node.attributes.Int("ceil_mode", 0) != 0;
  window.count_include_pad = node.attributes.Int("count_include_pad", 0) != 0;
  window.group = node.attributes.Int("group", 1);
  if (window.group < 1) {
    return Invalid(node, fmt::format("attribute 'group' is {}, must be at least 1", window.group));
  }
  window.output_shape = node.attributes.Ints("output_shape");
  const bool has_pads = window.auto_pad == AutoPad::kNotSet;
  std::int64_t taps = 1;
  for (std::size_t i = 0; i < n; ++i) {
    taps = kernel[i] < 1 || kernel[i] > kMaxNumber ? 0 : taps * kernel[i];
    if (taps < 1 || taps > kMaxNumber) {
      return Invalid(node, fmt::format("kernel dimension {} is not allowed", kernel[i]));
    }
    if (node.attributes.Has("kernel_shape") && declared[i] != kernel[i]) {
      return Invalid(node, fmt::format("attribute 'kernel_shape' says {}, the weights say {}",
                                       declared[i], kernel[i]));
    }
    window.axes.push_back({.kernel = kernel[i],
                           .stride = strides[i],
                           .dilation = dilations[i],
                           .pad_begin = has_pads ? pads[i] : 0,
                           .pad_end = has_pads ? pads[n + i] : 0,
                           .output_padding = extra[i]});
  }
  return window;
}

Status ResolveAxis(const Node& node, const Window& window, WindowAxis& axis, std::int64_t size) {
  HADRON_RETURN_IF_ERROR(CheckSize(node, size));
  if (window.auto_pad == AutoPad::kSameUpper || window.auto_pad == AutoPad::kSameLower) {
    axis.output = CeilDiv(size, axis.stride);
    const std::int64_t covered = (axis.output - 1) * axis.stride + axis.extent();
    SplitPad(std::max<std::int64_t>(0, covered - size), window.auto_pad == AutoPad::kSameUpper,
             axis);
    return RequirePositive(node, axis, size);
  }
  const std::int64_t room = size + axis.pad_begin + axis.pad_end - axis.extent();
  if (room < 0) {
    axis.output = 0;
  } else if (!window.ceil_mode) {
    axis.output = room / axis.stride + 1;
  } else {
    axis.output = CeilDiv(room, axis.stride) + 1;
    // A window that would start inside the end padding is dropped.
    if ((axis.output - 1) * axis.stride >= size + axis.pad_begin) --axis.output;
  }
  return RequirePositive(node, axis, size);
}

Status ResolveTransposedAxis(const Node& node, const Window& window, std::size_t index,
                             WindowAxis& axis, std::int64_t size) {
  HADRON_RETURN_IF_ERROR(CheckSize(node, size));
  const auto steps = base::CheckedMul(axis.stride, size - 1);
  const auto natural =
      steps ? base::CheckedAdd(*steps, axis.output_padding + axis.extent()) : std::nullopt;
  if (!natural) return Invalid(node, fmt::format("an input of {} elements is too large", size));
  const bool same =
      window.auto_pad == AutoPad::kSameUpper || window.auto_pad == AutoPad::kSameLower;
  if (window.output_shape.empty() && !same) {
    axis.output = *natural - axis.pad_begin - axis.pad_end;
    return RequirePositive(node, axis, size);
  }
  axis.output = window.output_shape.empty() ? size * axis.stride : window.output_shape[index];
  const std::int64_t total = *natural - axis.output;
  // Negative padding means that the output is longer than what the window reaches.
  if (total < 0) axis.output_padding -= total;
  SplitPad(std::max<std::int64_t>(0, total), window.auto_pad == AutoPad::kSameUpper, axis);
  return RequirePositive(node, axis, size);
}

StatusOr<Window> ResolveConv(const Node& node, const tensor::Shape& x,
                             const tensor::Shape& weights) {
  HADRON_ASSIGN_OR_RETURN(Window window, ReadWindow(node, weights.dims().subspan(2)));
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    HADRON_RETURN_IF_ERROR(ResolveAxis(node, window, window.axes[i], x[i + 2]));
  }
  return window;
}

StatusOr<Window> ResolveConvTranspose(const Node& node, const tensor::Shape& x,
                                      const tensor::Shape& weights) {
  HADRON_ASSIGN_OR_RETURN(Window window, ReadWindow(node, weights.dims().subspan(2)));
  auto& wanted = window.output_shape;
  // Some exporters write the batch and the channels too.
  if (wanted.size() == x.rank()) wanted.erase(wanted.begin(), wanted.begin() + 2);
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    HADRON_RETURN_IF_ERROR(ResolveTransposedAxis(node, window, i, window.axes[i], x[i + 2]));
  }
  return window;
}

StatusOr<Window> ResolvePool(const Node& node, const tensor::Shape& x) {
  const std::vector<std::int64_t> kernel = node.attributes.Ints("kernel_shape");
  HADRON_ASSIGN_OR_RETURN(Window window, ReadWindow(node, kernel));
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    HADRON_RETURN_IF_ERROR(ResolveAxis(node, window, window.axes[i], x[i + 2]));
  }
  return window;
}

}  // namespace hadron::graph
