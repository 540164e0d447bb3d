#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "graph/window.h"
#include "tensor/shape.h"

namespace hadron::backend::reference {

/// A resolved window over exactly three spatial axes (leading ones are 1) between a long side and a
/// short side, with the loop bounds worked out once per tap instead of per element.
class WindowLoop {
 public:
  /// `long_side` and `short_side`: shapes [N,C,d..] of the two ends.
  WindowLoop(const graph::Window& window, const tensor::Shape& long_side,
             const tensor::Shape& short_side) {
    const std::size_t shift = 3 - window.axes.size();
    for (std::size_t i = 0; i < window.axes.size(); ++i) {
      axes_[i + shift] = window.axes[i];
      long_[i + shift] = long_side[i + 2];
      short_[i + shift] = short_side[i + 2];
    }
  }

  std::int64_t taps() const { return axes_[0].kernel * axes_[1].kernel * axes_[2].kernel; }
  std::size_t long_size() const { return Product(long_); }
  std::size_t short_size() const { return Product(short_); }

  /// Calls f(s, l, count, step) for runs of elements that meet at this tap: short elements s,
  /// s+1, .. with long elements l, l+step, ..
  template <typename F>
  void ForEachRun(std::int64_t tap, F&& f) const {
    const std::array<std::int64_t, 3> k = {tap / axes_[2].kernel / axes_[1].kernel,
                                           tap / axes_[2].kernel % axes_[1].kernel,
                                           tap % axes_[2].kernel};
    const Range r0 = Meeting(0, k[0]);
    const Range r1 = Meeting(1, k[1]);
    const Range r2 = Meeting(2, k[2]);
    if (r2.begin >= r2.end) return;
    for (std::int64_t a = r0.begin; a < r0.end; ++a) {
      for (std::int64_t b = r1.begin; b < r1.end; ++b) {
        const std::int64_t s = (a * short_[1] + b) * short_[2] + r2.begin;
        const std::int64_t l =
            (Long(0, a, k[0]) * long_[1] + Long(1, b, k[1])) * long_[2] + Long(2, r2.begin, k[2]);
        f(static_cast<std::size_t>(s), static_cast<std::size_t>(l),
          static_cast<std::size_t>(r2.end - r2.begin), static_cast<std::size_t>(axes_[2].stride));
      }
    }
  }

 private:
  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };

  static std::size_t Product(const std::array<std::int64_t, 3>& dims) {
    return static_cast<std::size_t>(dims[0] * dims[1] * dims[2]);
  }
  std::int64_t Long(std::size_t axis, std::int64_t s, std::int64_t k) const {
    return s * axes_[axis].stride - axes_[axis].pad_begin + k * axes_[axis].dilation;
  }
  /// Short elements whose long partner at tap k lies inside.
  Range Meeting(std::size_t axis, std::int64_t k) const {
    const std::int64_t stride = axes_[axis].stride;
    const std::int64_t first = axes_[axis].pad_begin - k * axes_[axis].dilation;
    const std::int64_t begin = first <= 0 ? 0 : (first + stride - 1) / stride;
    const std::int64_t last = long_[axis] - 1 + first;
    return {begin, last < 0 ? 0 : std::min(short_[axis], last / stride + 1)};
  }

  std::array<graph::WindowAxis, 3> axes_;
  std::array<std::int64_t, 3> long_ = {1, 1, 1};
  std::array<std::int64_t, 3> short_ = {1, 1, 1};
};

}  // namespace hadron::backend::reference
