#include "plan/memory_planner.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"

namespace hadron::plan {
namespace {

bool OverlapInTime(const Interval& a, const Interval& b) {
  return a.first <= b.last && b.first <= a.last;
}

struct Placed {
  std::uint64_t begin;
  std::uint64_t end;
};

/// Lowest offset at which `bytes` fit between the placed ranges, which are sorted by begin.
std::uint64_t LowestGap(const std::vector<Placed>& taken, std::uint64_t bytes) {
  std::uint64_t at = 0;
  for (const Placed& range : taken) {
    if (at + bytes <= range.begin) return at;
    at = std::max(at, range.end);
  }
  return at;
}

}  // namespace

MemoryPlan PlanMemory(const std::vector<Interval>& intervals, std::uint64_t alignment) {
  std::vector<std::size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](std::size_t i) { return intervals[i].bytes; });
  MemoryPlan plan;
  plan.offsets.assign(intervals.size(), 0);
  std::vector<std::size_t> placed;
  for (const std::size_t i : order) {
    const std::uint64_t bytes = base::AlignUp(intervals[i].bytes, alignment);
    if (bytes == 0) continue;
    std::vector<Placed> taken;
    for (const std::size_t j : placed) {
      if (!OverlapInTime(intervals[i], intervals[j])) continue;
      const std::uint64_t size = base::AlignUp(intervals[j].bytes, alignment);
      taken.push_back({plan.offsets[j], plan.offsets[j] + size});
    }
    std::ranges::sort(taken, {}, &Placed::begin);
    plan.offsets[i] = LowestGap(taken, bytes);
    plan.arena_bytes = std::max(plan.arena_bytes, plan.offsets[i] + bytes);
    placed.push_back(i);
  }
  return plan;
}

std::uint64_t PeakLiveBytes(const std::vector<Interval>& intervals) {
  std::uint64_t peak = 0;
  for (const Interval& at : intervals) {
    std::uint64_t live = 0;
    for (const Interval& other : intervals) {
      if (other.first <= at.first && at.first <= other.last) live += other.bytes;
    }
    peak = std::max(peak, live);
  }
  return peak;
}

}  // namespace hadron::plan
