#include "plan/memory_planner.h"

#include <gtest/gtest.h>

#include <random>

namespace hadron::plan {
namespace {

std::vector<Interval> RandomIntervals(std::mt19937& random, int count) {
  std::vector<Interval> intervals;
  for (int i = 0; i < count; ++i) {
    const int first = static_cast<int>(random() % 50);
    intervals.push_back({random() % 5000, first, first + static_cast<int>(random() % 12)});
  }
  return intervals;
}

TEST(PlanMemory, NeverOverlapsWhatIsLiveTogether) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const auto intervals = RandomIntervals(random, 60);
    const MemoryPlan plan = PlanMemory(intervals, 64);
    for (std::size_t a = 0; a < intervals.size(); ++a) {
      ASSERT_EQ(plan.offsets[a] % 64, 0U);
      ASSERT_LE(plan.offsets[a] + intervals[a].bytes, plan.arena_bytes);
      for (std::size_t b = a + 1; b < intervals.size(); ++b) {
        const bool together =
            intervals[a].first <= intervals[b].last && intervals[b].first <= intervals[a].last;
        if (!together || intervals[a].bytes == 0 || intervals[b].bytes == 0) continue;
        ASSERT_TRUE(plan.offsets[a] + intervals[a].bytes <= plan.offsets[b] ||
                    plan.offsets[b] + intervals[b].bytes <= plan.offsets[a]);
      }
    }
  }
}

TEST(PlanMemory, StaysNearThePeakOfLiveBytes) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    const auto intervals = RandomIntervals(random, 80);
    const MemoryPlan plan = PlanMemory(intervals, 1);
    EXPECT_LE(static_cast<double>(plan.arena_bytes),
              1.5 * static_cast<double>(PeakLiveBytes(intervals)));
  }
}

TEST(PlanMemory, ReusesTheBytesOfAChain) {
  // a -> b -> c -> d, all alike: two buffers are enough.
  const std::vector<Interval> chain = {{1024, 0, 1}, {1024, 1, 2}, {1024, 2, 3}, {1024, 3, 4}};
  EXPECT_EQ(PlanMemory(chain, 256).arena_bytes, 2048U);
}

TEST(PlanMemory, TakesNothingForNothing) {
  EXPECT_EQ(PlanMemory({}, 256).arena_bytes, 0U);
  EXPECT_EQ(PlanMemory({{0, 0, 5}}, 256).arena_bytes, 0U);
}

}  // namespace
}  // namespace hadron::plan
