#include "bench/clairvoyant.h"

#include <gtest/gtest.h>

#include "bench/random.h"

namespace hadron::bench {
namespace {

TEST(Clairvoyant, LoadsEverythingOnceWhereItFits) {
  const Replay replay{{0, 1, 2, 0, 1, 2}, {10, 20, 30}, 60};
  EXPECT_EQ(Clairvoyant(replay).loads, 3U);
  EXPECT_EQ(Clairvoyant(replay).bytes, 60U);
  EXPECT_EQ(LowerBoundOfLoads(replay), 3U);
}

// Belady's example: three frames; the optimum has 7 faults, the least recently used 10.
TEST(Clairvoyant, IsMinForEqualSizes) {
  const Replay replay{{1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5}, std::vector<std::uint64_t>(6, 1), 3};
  EXPECT_EQ(Serve(replay, Victim::kFarthest).loads, 7U);
  EXPECT_EQ(Serve(replay, Victim::kLeastRecent).loads, 10U);
  EXPECT_EQ(Clairvoyant(replay).loads, 7U);
}

TEST(Clairvoyant, GivesUpOneLargeModelForManySmallOnes) {
  // Model 0 takes the whole memory. MIN by distance alone keeps it over models used a little later.
  const Replay replay{{0, 1, 2, 3, 0, 1, 2, 3}, {3, 1, 1, 1}, 3};
  EXPECT_EQ(Serve(replay, Victim::kFarthestLarge).loads, 8U);  // 0 comes in between and needs all
  const Replay roomy{{0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 0}, {3, 1, 1, 1}, 5};
  EXPECT_EQ(Serve(roomy, Victim::kFarthestLarge).loads, 5U);
}

TEST(Clairvoyant, CountsTheBytesOfEveryLoad) {
  const Replay replay{{0, 1, 0, 1}, {5, 7}, 7};
  EXPECT_EQ(Serve(replay, Victim::kFarthest).loads, 4U);
  EXPECT_EQ(Serve(replay, Victim::kFarthest).bytes, 24U);
}

TEST(Clairvoyant, IsBetweenTheBoundAndWhatKnowsNothing) {
  Random random(1);
  const Zipf zipf(50, 1.0, random);
  Replay replay;
  for (int i = 0; i < 50; ++i) replay.sizes.push_back(1 + random.Below(8));
  replay.budget = 24;
  for (int i = 0; i < 2000; ++i) replay.requests.push_back(zipf.Draw(random));
  const std::uint64_t best = Clairvoyant(replay).loads;
  EXPECT_LE(LowerBoundOfLoads(replay), best);
  EXPECT_LT(best, Serve(replay, Victim::kLeastRecent).loads);
  EXPECT_GE(LowerBoundOfLoads(replay), 50U);
}

TEST(Random, GivesTheSameNumbersEverywhere) {
  Random random(1);
  const std::uint64_t first = random();
  EXPECT_EQ(first, Random(1)());
  EXPECT_NE(first, random());
  EXPECT_NE(first, Random(2)());
}

TEST(Random, DrawsNormalNumbersOfVarianceOne) {
  Random random(7);
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.Normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
}

TEST(Zipf, MixesAsTheLawSays) {
  Random random(3);
  const Zipf zipf(10, 1.0, random);
  double sum = 0;
  for (int k = 1; k <= 10; ++k) sum += 1.0 / k;
  const std::vector<std::size_t> mix = zipf.Mix(1000, random);
  ASSERT_EQ(mix.size(), 1000U);
  for (std::size_t k = 0; k < 10; ++k) {
    const double expected = 1000 / (static_cast<double>(k + 1) * sum);
    EXPECT_NEAR(static_cast<double>(std::ranges::count(mix, zipf.by_rank()[k])), expected, 1.0);
  }
  EXPECT_FALSE(std::ranges::is_sorted(mix));
  EXPECT_TRUE(zipf.Mix(0, random).empty());
}

TEST(Zipf, AsksForTheFirstTwiceAsOftenAsForTheSecond) {
  Random random(3);
  const Zipf zipf(10, 1.0, random);
  std::vector<int> drawn(10);
  for (int i = 0; i < 100000; ++i) ++drawn[zipf.Draw(random)];
  const double first = drawn[zipf.by_rank()[0]];
  EXPECT_NEAR(first / drawn[zipf.by_rank()[1]], 2.0, 0.1);
  EXPECT_NEAR(first / drawn[zipf.by_rank()[9]], 10.0, 0.8);
}

}  // namespace
}  // namespace hadron::bench
