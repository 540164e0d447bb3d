#pragma once

#include <algorithm>
#include <cstdint>

namespace hadron::graph {

/// The elements start, start + step, ... (`count` of them) that a Slice takes along one axis.
struct SliceRange {
  std::int64_t start = 0;
  std::int64_t count = 0;
};

/// Bounds as ONNX clamps them: negative ones count from the end, everything beyond the ends is cut.
/// Any int64 is a legal bound; `step` is not zero.
inline SliceRange ResolveSlice(std::int64_t start, std::int64_t end, std::int64_t step,
                               std::int64_t size) {
  const auto bound = [size](std::int64_t at, std::int64_t lowest, std::int64_t highest) {
    return std::clamp(at < 0 ? at + size : at, lowest, highest);
  };
  if (size == 0) return {};
  SliceRange range;
  if (step > 0) {
    range.start = bound(start, 0, size);
    const std::int64_t length = bound(end, 0, size) - range.start;
    if (length > 0) range.count = (length - 1) / step + 1;
  } else {
    range.start = bound(start, 0, size - 1);
    const std::int64_t length = range.start - bound(end, -1, size - 1);
    // -step of the smallest integer does not exist; any step that long takes one element.
    const std::int64_t distance = step == INT64_MIN ? INT64_MAX : -step;
    if (length > 0) range.count = (length - 1) / distance + 1;
  }
  return range;
}

}  // namespace hadron::graph
