#include "backend/opencl/broadcast.h"

#include <fmt/format.h>

#include <vector>

namespace hadron::backend::opencl {
namespace {

/// Logical axes, the innermost in memory first.
std::vector<std::size_t> MemoryOrder(const TensorSpec& tensor) {
  const std::size_t rank = tensor.shape.rank();
  std::vector<std::size_t> axes;
  if (tensor.layout == Layout::kChannelsLast && rank >= 3) {
    axes.push_back(1);
    for (std::size_t axis = rank - 1; axis >= 2; --axis) axes.push_back(axis);
    axes.push_back(0);
    return axes;
  }
  for (std::size_t axis = rank; axis > 0; --axis) axes.push_back(axis - 1);
  return axes;
}

/// Stride of `from` along each logical axis of a result of rank `rank`.
std::vector<std::int64_t> StridesWithin(const TensorSpec& from, std::size_t rank) {
  std::vector<std::int64_t> strides(rank, 0);
  const std::size_t missing = rank - from.shape.rank();
  std::int64_t stride = 1;
  for (const std::size_t axis : MemoryOrder(from)) {
    if (from.shape[axis] != 1) strides[missing + axis] = stride;
    stride *= from.shape[axis];
  }
  return strides;
}

struct Axis {
  std::int64_t size;
  std::array<std::int64_t, 2> strides;
};

/// True when walking `outer` continues where walking `inner` ends, in both operands.
bool RunsOn(const Axis& inner, const Axis& outer) {
  return outer.strides[0] == inner.size * inner.strides[0] &&
         outer.strides[1] == inner.size * inner.strides[1];
}

}  // namespace

base::StatusOr<BroadcastWalk> PlanBroadcast(const TensorSpec& x, const TensorSpec& y,
                                            const TensorSpec& out) {
  const std::size_t rank = out.shape.rank();
  const std::vector<std::int64_t> x_strides = StridesWithin(x, rank);
  const std::vector<std::int64_t> y_strides = StridesWithin(y, rank);
  std::vector<Axis> axes;
  for (const std::size_t axis : MemoryOrder(out)) {
    const Axis next{out.shape[axis], {x_strides[axis], y_strides[axis]}};
    if (next.size == 1) continue;
    if (!axes.empty() && RunsOn(axes.back(), next)) {
      axes.back().size *= next.size;
    } else {
      axes.push_back(next);
    }
  }
  if (axes.size() > BroadcastWalk::kMaxRank) {
    return base::Unimplemented(fmt::format("broadcast of {} and {} walks {} axes, at most {} can",
                                           x.shape.ToString(), y.shape.ToString(), axes.size(),
                                           BroadcastWalk::kMaxRank));
  }
  BroadcastWalk walk;
  walk.rank = static_cast<std::uint32_t>(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    walk.shape[i] = static_cast<std::uint32_t>(axes[i].size);
    for (std::size_t operand = 0; operand < 2; ++operand) {
      walk.strides[operand][i] = static_cast<std::uint32_t>(axes[i].strides[operand]);
    }
  }
  return walk;
}

}  // namespace hadron::backend::opencl
