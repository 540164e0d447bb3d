#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace hadron::bench {

/// A layer to compare: a matrix product of `size` rows (kernel 0) or a square 2-D convolution that
/// keeps the size up to its stride.
struct Layer {
  const char* name;
  std::int64_t in;
  std::int64_t out;
  std::int64_t size;
  std::int64_t kernel = 0;
  std::int64_t stride = 1;
  std::int64_t groups = 1;
  std::int64_t output() const { return (size + 2 * (kernel / 2) - kernel) / stride + 1; }
};

/// Arm `onednn`: the primitive that oneDNN chooses for a layer, weights already packed.
class OneDnnArm {
 public:
  /// UNAVAILABLE in builds without oneDNN.
  static base::StatusOr<std::unique_ptr<OneDnnArm>> Make(const Layer& layer, int threads);
  virtual ~OneDnnArm() = default;
  virtual std::string name() const = 0;  ///< "oneDNN brgconv:avx512_core"
  /// Microseconds of the fastest of `runs` runs.
  virtual double Time(int runs) = 0;
};

}  // namespace hadron::bench
