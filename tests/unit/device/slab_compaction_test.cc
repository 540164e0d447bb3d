// Holes that moving makes: the fewest bytes, nothing overwritten, and no slab forgotten.
#include "device/slab_compaction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace hadron::device {
namespace {

constexpr std::uint64_t kUnit = 256;

std::vector<SlabMove> MakeHole(SlabHeap& heap, const std::vector<HeldRange>& held,
                               std::uint64_t bytes, std::uint64_t budget) {
  return MakeHoles(heap, held, std::vector{bytes}, {budget, kUnit});
}

TEST(SlabCompaction, MovesTheFewestBytes) {
  SlabHeap heap(kUnit);
  const std::uint32_t slab = heap.Add(12 * kUnit);
  std::vector<SlabRange> ranges;
  for (const std::uint64_t units : {1, 3, 2, 1, 2, 3}) ranges.push_back(*heap.Take(units * kUnit));
  heap.Give(ranges[0]);  // [hole 1][3][hole 2][1][hole 2][3]
  heap.Give(ranges[2]);
  heap.Give(ranges[4]);
  const std::vector<HeldRange> held = {{ranges[1], true}, {ranges[3], true}, {ranges[5], true}};
  const auto moves = MakeHole(heap, held, 5 * kUnit, 0);
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].from, ranges[3]);
  EXPECT_EQ(moves[0].to, (SlabRange{slab, 0, kUnit})) << "out of the way";
  heap.Give(moves[0].from);
  EXPECT_EQ(heap.largest_hole(), 5 * kUnit);
}

TEST(SlabCompaction, LeavesWhatMayNotMove) {
  SlabHeap heap(kUnit);
  heap.Add(5 * kUnit);
  std::vector<SlabRange> ranges;
  for (int i = 0; i < 5; ++i) ranges.push_back(*heap.Take(kUnit));
  for (const int i : {0, 2, 4}) heap.Give(ranges[static_cast<std::size_t>(i)]);
  EXPECT_TRUE(
      MakeHole(heap, std::vector<HeldRange>{{ranges[1], false}, {ranges[3], false}}, 2 * kUnit, 0)
          .empty());
  const auto moves =
      MakeHole(heap, std::vector<HeldRange>{{ranges[1], false}, {ranges[3], true}}, 2 * kUnit, 0);
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].from, ranges[3]);
}

TEST(SlabCompaction, EmptiesASlabForALargerOne) {
  SlabHeap heap(kUnit);
  const SlabRange one{heap.Add(4 * kUnit), 0, 2 * kUnit};
  const SlabRange other{heap.Add(4 * kUnit), kUnit, 2 * kUnit};
  heap.TakeAt(one);
  heap.TakeAt(other);
  const std::vector<HeldRange> held = {{one, true}, {other, true}};
  EXPECT_TRUE(MakeHole(heap, held, 6 * kUnit, kUnit).empty()) << "a unit is missing";
  EXPECT_TRUE(MakeHole(heap, held, 6 * kUnit - 1, 2 * kUnit - 1).empty()) << "6 units, rounded";
  const auto moves = MakeHole(heap, held, 6 * kUnit, 2 * kUnit);
  ASSERT_EQ(moves.size(), 1U);
  heap.Give(moves[0].from);
  EXPECT_EQ(heap.EmptySlabs(), std::vector{moves[0].from.slab});
}

TEST(SlabCompaction, MakesAllHolesOfAModelAtOnce) {
  SlabHeap heap(kUnit);
  heap.Add(12 * kUnit);
  heap.Add(4 * kUnit);
  std::vector<SlabRange> ranges;  // 12 of one unit, in a slab that has no room for more
  for (int i = 0; i < 12; ++i) {
    ranges.push_back({0, static_cast<std::uint64_t>(i) * kUnit, kUnit});
    heap.TakeAt(ranges.back());
  }
  std::vector<HeldRange> held;
  for (std::size_t i = 0; i < 12; ++i) {
    if (i % 2 == 0) {
      held.push_back({ranges[i], true});
    } else {
      heap.Give(ranges[i]);
    }
  }
  heap.TakeAt({1, 0, kUnit});
  held.push_back({{1, 0, kUnit}, false});
  // [x.x.x.x.x.x.][x...]: 4 and two of 2 do not fit before something is moved.
  const auto moves = MakeHoles(heap, held, std::vector{4 * kUnit, 2 * kUnit, 2 * kUnit}, {});
  for (const SlabMove& move : moves) heap.Give(move.from);
  for (const std::uint64_t units : {4, 2, 2}) EXPECT_TRUE(heap.Take(units * kUnit)) << units;
}

TEST(SlabCompaction, MovesNothingToWhereSomethingIsStillRead) {
  SlabHeap heap(kUnit);
  for (const std::uint64_t units : {5, 3, 3}) heap.Add(units * kUnit);
  // [...XX][..x][.x.]: XX goes to the second slab. What it leaves beside the hole of 4 would be the
  // only place for the last slab's x, and is read until XX has been copied.
  const std::vector<HeldRange> held = {
      {{0, 3 * kUnit, 2 * kUnit}, true}, {{1, 2 * kUnit, kUnit}, false}, {{2, kUnit, kUnit}, true}};
  for (const HeldRange& range : held) heap.TakeAt(range.where);
  const auto moves = MakeHoles(heap, held, std::vector{4 * kUnit, 2 * kUnit}, {});
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].from, held[0].where);
  EXPECT_EQ(moves[0].to, (SlabRange{1, 0, 2 * kUnit}));
}

/// Slabs of bytes, and ranges that know what they hold.
class Histories : public testing::TestWithParam<unsigned> {
 protected:
  static constexpr std::uint64_t kSlab = 32;    // units
  static constexpr std::uint64_t kLargest = 6;  // of a range, in units
  static constexpr int kSlabs = 4;

  void SetUp() override {
    for (int i = 0; i < kSlabs; ++i) heap_.Add(kSlab * kUnit);
    memory_.assign(kSlabs, std::vector<int>(kSlab, -1));
  }
  void Fill(const SlabRange& range, int value) {
    for (std::uint64_t u = 0; u < range.bytes / kUnit; ++u) {
      memory_[range.slab][range.offset / kUnit + u] = value;
    }
  }
  bool Reads(const SlabRange& range, int value) const {
    for (std::uint64_t u = 0; u < range.bytes / kUnit; ++u) {
      if (memory_[range.slab][range.offset / kUnit + u] != value) return false;
    }
    return true;
  }
  /// Moves as residency does: all copies, then all old ranges go.
  bool Compact(std::uint64_t bytes) {
    std::vector<HeldRange> held;
    for (const auto& [value, range] : ranges_) held.push_back({range, true});
    const auto moves = MakeHole(heap_, held, bytes, 0);
    for (const SlabMove& move : moves) {
      const auto it = std::ranges::find_if(
          ranges_, [&](const auto& entry) { return entry.second == move.from; });
      EXPECT_NE(it, ranges_.end());
      Fill(move.to, it->first);
      EXPECT_TRUE(Reads(move.from, it->first)) << "overwritten before it has gone";
      it->second = move.to;
    }
    for (const SlabMove& move : moves) heap_.Give(move.from);
    return !moves.empty();
  }
  /// False: somebody would have to be evicted.
  bool Allocate(int value, std::uint64_t bytes) {
    std::optional<SlabRange> range = heap_.Take(bytes);
    while (!range && Compact(bytes)) range = heap_.Take(bytes);
    if (!range) return false;
    Fill(*range, value);
    ranges_[value] = *range;
    return true;
  }

  SlabHeap heap_{kUnit};
  std::vector<std::vector<int>> memory_;
  std::map<int, SlabRange> ranges_;  ///< by what they hold
};

TEST_P(Histories, EvictNobodyWhileEachSlabHasHalfALargestRangeToSpare) {
  std::mt19937 random(GetParam());
  int next = 0;
  int tight = 0;
  for (int step = 0; step < 4000; ++step) {
    const std::uint64_t bytes = (1 + random() % kLargest) * kUnit;
    const bool suffices = heap_.free_bytes() >= bytes + kSlabs * kLargest * kUnit / 2;
    if (random() % 8 != 0 && heap_.free_bytes() >= bytes) {
      const bool hole = heap_.largest_hole() >= bytes;
      const bool done = Allocate(next++, bytes);
      ASSERT_TRUE(done || !suffices) << "step " << step;
      tight += !hole && done ? 1 : 0;
    } else if (!ranges_.empty()) {
      auto it = ranges_.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(random() % ranges_.size()));
      heap_.Give(it->second);
      ranges_.erase(it);
    }
    for (const auto& [value, range] : ranges_) ASSERT_TRUE(Reads(range, value));
  }
  EXPECT_GT(tight, 20) << "compaction was never needed";
}

INSTANTIATE_TEST_SUITE_P(Seeds, Histories, testing::Range(1U, 21U));

}  // namespace
}  // namespace hadron::device
