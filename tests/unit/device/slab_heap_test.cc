// Who has which part of a slab: best fit, holes that grow together, and nothing twice.
#include "device/slab_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace hadron::device {
namespace {

constexpr std::uint64_t kAlign = 256;

TEST(SlabHeap, RoundsUpAndTakesTheSmallestHole) {
  SlabHeap heap(kAlign);
  const std::uint32_t slab = heap.Add(10 * kAlign);
  EXPECT_EQ(heap.Take(1), (SlabRange{slab, 0, kAlign}));
  const auto middle = heap.Take(2 * kAlign);
  const auto last = heap.Take(4 * kAlign);
  heap.Give(*middle);  // holes of 2 and of 3
  EXPECT_EQ(heap.largest_hole(), 3 * kAlign);
  EXPECT_EQ(heap.Take(2 * kAlign), middle);
  EXPECT_EQ(heap.Take(3 * kAlign), (SlabRange{slab, 7 * kAlign, 3 * kAlign}));
  EXPECT_FALSE(heap.Take(1).has_value());
  EXPECT_EQ(heap.free_bytes(), 0U);
  heap.Give(*last);
  EXPECT_EQ(heap.free_bytes(), 4 * kAlign);
}

TEST(SlabHeap, JoinsHolesOnBothSides) {
  SlabHeap heap(kAlign);
  heap.Add(3 * kAlign);
  const auto a = heap.Take(kAlign);
  const auto b = heap.Take(kAlign);
  const auto c = heap.Take(kAlign);
  heap.Give(*a);
  heap.Give(*c);
  EXPECT_EQ(heap.largest_hole(), kAlign);
  heap.Give(*b);
  EXPECT_EQ(heap.largest_hole(), 3 * kAlign);
  EXPECT_EQ(heap.EmptySlabs().size(), 1U);
}

TEST(SlabHeap, FillsTheFullestSlabSoThatOthersEmptyThemselves) {
  SlabHeap heap(kAlign);
  const std::uint32_t first = heap.Add(4 * kAlign);
  const std::uint32_t second = heap.Add(4 * kAlign);
  const auto a = heap.Take(3 * kAlign);
  const auto b = heap.Take(2 * kAlign);
  ASSERT_NE(a->slab, b->slab);
  // Holes of one (beside a) and two (beside b): the exact one is taken whoever has it.
  EXPECT_EQ(heap.Take(kAlign)->slab, a->slab);
  heap.Give(*b);
  EXPECT_EQ(heap.EmptySlabs(), std::vector{b->slab});
  heap.Remove(b->slab);
  EXPECT_EQ(heap.slab_bytes(), 4 * kAlign);
  EXPECT_EQ(heap.Add(kAlign), b->slab) << "numbers are used again";
  EXPECT_TRUE(first == a->slab || second == a->slab);
}

TEST(SlabHeap, NeverGivesAByteTwice) {
  SlabHeap heap(kAlign);
  std::mt19937 random(7);
  for (int i = 0; i < 4; ++i) heap.Add(64 * kAlign);
  std::vector<SlabRange> taken;
  std::uint64_t used = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (taken.empty() || random() % 5 < 3) {
      const auto range = heap.Take(1 + random() % (20 * kAlign));
      if (!range) continue;
      for (const SlabRange& other : taken) {
        const bool apart = other.slab != range->slab ||
                           other.offset + other.bytes <= range->offset ||
                           range->offset + range->bytes <= other.offset;
        ASSERT_TRUE(apart) << "step " << step;
      }
      ASSERT_LE(range->offset + range->bytes, heap.Size(range->slab));
      used += range->bytes;
      taken.push_back(*range);
    } else {
      std::swap(taken[random() % taken.size()], taken.back());
      heap.Give(taken.back());
      used -= taken.back().bytes;
      taken.pop_back();
    }
    ASSERT_EQ(heap.used_bytes(), used);
  }
  for (const SlabRange& range : taken) heap.Give(range);
  EXPECT_EQ(heap.EmptySlabs().size(), 4U);
  EXPECT_EQ(heap.largest_hole(), 64 * kAlign);
}

}  // namespace
}  // namespace hadron::device
