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

void ExpectSound(const std::vector<Interval>& intervals, const MemoryPlan& plan,
                 std::uint64_t alignment) {
  ASSERT_EQ(plan.offsets.size(), intervals.size());
  for (std::size_t a = 0; a < intervals.size(); ++a) {
    ASSERT_EQ(plan.offsets[a] % alignment, 0U);
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

TEST(PlanMemory, NeverOverlapsWhatIsLiveTogether) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const auto intervals = RandomIntervals(random, 60);
    ExpectSound(intervals, PlanMemory(intervals, 64), 64);
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

/// The tensors of a random network: each node reads the one before it and now and then one from
/// afar, sizes vary over three orders of magnitude as channels and resolutions do.
std::vector<Interval> RandomNetwork(std::mt19937& random, int nodes) {
  std::vector<Interval> tensors;
  for (int node = 0; node < nodes; ++node) {
    const std::uint64_t bytes = std::uint64_t{1 + random() % 16} << (8 + random() % 10);
    tensors.push_back({bytes, node, node});
    if (node == 0) continue;
    tensors[static_cast<std::size_t>(node) - 1].last = node;
    if (random() % 4 == 0) {  // a skip connection
      tensors[random() % static_cast<std::size_t>(node)].last = node;
    }
  }
  return tensors;
}

TEST(PlanMemory, IsSoundForRandomNetworks) {
  std::mt19937 random(13);
  for (int round = 0; round < 200; ++round) {
    const auto tensors = RandomNetwork(random, 20 + static_cast<int>(random() % 100));
    for (const std::uint64_t alignment : {1, 64, 256, 4096}) {
      const MemoryPlan plan = PlanMemory(tensors, alignment);
      ExpectSound(tensors, plan, alignment);
      if (alignment > 256) continue;
      EXPECT_LE(static_cast<double>(plan.arena_bytes),
                1.5 * static_cast<double>(PeakLiveBytes(tensors)));
    }
  }
}

TEST(PlanMemory, GivesTheSamePlanForTheSameTensors) {
  std::mt19937 random(17);
  const auto tensors = RandomNetwork(random, 80);
  const MemoryPlan plan = PlanMemory(tensors, 256);
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(PlanMemory(tensors, 256).offsets, plan.offsets);
  }
}

TEST(PeakLiveBytes, IsTheBusiestStep) {
  EXPECT_EQ(PeakLiveBytes({}), 0U);
  EXPECT_EQ(PeakLiveBytes({{10, 0, 2}, {5, 2, 3}, {8, 3, 4}, {1, 0, 9}}), 16U);
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
