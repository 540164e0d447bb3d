#pragma once

#include <cstdint>
#include <vector>

namespace hadron::plan {

/// A tensor's claim on the arena: it must keep its bytes from step `first` (where it is written)
/// to step `last` (where it is read for the last time), both included.
struct Interval {
  std::uint64_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<std::uint64_t> offsets;  ///< by interval
  std::uint64_t arena_bytes = 0;
};

/// Places intervals in one arena so that no two that overlap in time overlap in bytes: each at the
/// lowest offset where it fits, in the best of several orders (largest first, longest-lived first,
/// ...). Offsets are multiples of `alignment` (a power of two). Pure.
MemoryPlan PlanMemory(const std::vector<Interval>& intervals, std::uint64_t alignment);

/// Most bytes that are live at one step: no plan can be smaller.
std::uint64_t PeakLiveBytes(const std::vector<Interval>& intervals);

}  // namespace hadron::plan
