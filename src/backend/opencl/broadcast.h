#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backend/kernel.h"
#include "base/status.h"

namespace hadron::backend::opencl {

/// How a kernel walks two operands that are broadcast to a result: axes from the innermost in
/// memory outwards, in the order of the result's elements, neighbours merged where both operands
/// run on. Strides are in elements, 0 along broadcast axes. Passed to kernels as uint8 vectors.
struct BroadcastWalk {
  static constexpr std::size_t kMaxRank = 8;
  using Axes = std::array<std::uint32_t, kMaxRank>;

  std::uint32_t rank = 0;
  Axes shape{};
  std::array<Axes, 2> strides{};

  /// Both operands run along the result: no strides are needed.
  bool contiguous() const {
    return rank == 0 || (rank == 1 && strides[0][0] == 1 && strides[1][0] == 1);
  }
};

/// UNIMPLEMENTED when more than eight axes remain after merging. Shapes are known and broadcastable
/// and have less than 2^31 elements.
base::StatusOr<BroadcastWalk> PlanBroadcast(const TensorSpec& x, const TensorSpec& y,
                                            const TensorSpec& out);

}  // namespace hadron::backend::opencl
