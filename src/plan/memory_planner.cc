#include "plan/memory_planner.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <utility>

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

/// Each interval at the lowest offset where it fits, in this order.
MemoryPlan Place(const std::vector<Interval>& intervals, const std::vector<std::size_t>& order) {
  MemoryPlan plan;
  plan.offsets.assign(intervals.size(), 0);
  std::vector<std::size_t> placed;
  for (const std::size_t i : order) {
    const std::uint64_t bytes = intervals[i].bytes;
    if (bytes == 0) continue;
    std::vector<Placed> taken;
    for (const std::size_t j : placed) {
      if (!OverlapInTime(intervals[i], intervals[j])) continue;
      taken.push_back({plan.offsets[j], plan.offsets[j] + intervals[j].bytes});
    }
    std::ranges::sort(taken, {}, &Placed::begin);
    plan.offsets[i] = LowestGap(taken, bytes);
    plan.arena_bytes = std::max(plan.arena_bytes, plan.offsets[i] + bytes);
    placed.push_back(i);
  }
  return plan;
}

/// What stands in an order's front: the larger number. Which order is best depends on the network;
/// large tensors first is so nearly always.
using Rank = double (*)(const Interval&);
double Steps(const Interval& interval) {
  return static_cast<double>(interval.last) - static_cast<double>(interval.first) + 1;
}
constexpr std::array<Rank, 4> kRanks = {
    [](const Interval& i) { return static_cast<double>(i.bytes); },
    [](const Interval& i) { return static_cast<double>(i.bytes) * Steps(i); },
    [](const Interval& i) { return Steps(i); },
    [](const Interval& i) { return -static_cast<double>(i.first); },
};
/// Placing takes quadratic time: beyond this one order has to do.
constexpr std::size_t kManyIntervals = 2000;

}  // namespace

MemoryPlan PlanMemory(const std::vector<Interval>& intervals, std::uint64_t alignment) {
  std::vector<Interval> aligned = intervals;
  for (Interval& interval : aligned) interval.bytes = base::AlignUp(interval.bytes, alignment);
  const std::size_t tries = aligned.size() > kManyIntervals ? 1 : kRanks.size();
  const std::uint64_t least = tries == 1 ? 0 : PeakLiveBytes(aligned);
  MemoryPlan best;
  for (std::size_t attempt = 0; attempt < tries; ++attempt) {
    std::vector<std::size_t> order(aligned.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater<>(),
                             [&](std::size_t i) { return kRanks[attempt](aligned[i]); });
    MemoryPlan plan = Place(aligned, order);
    if (attempt == 0 || plan.arena_bytes < best.arena_bytes) best = std::move(plan);
    if (best.arena_bytes == least) break;
  }
  return best;
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
