#include "bench/switch_rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hadron::bench {
namespace {

using testing::ElementsAre;

TEST(SwitchRounds, SetsTheLinkByWhatComputingTakes) {
  EXPECT_DOUBLE_EQ(SwitchRounds(1e6, 4, 1000).rate(), 250e6);
  EXPECT_DOUBLE_EQ(SwitchRounds(1e6, 1, 1000).rate(), 1e9);
}

TEST(SwitchRounds, KeepsWhatIsWithinFifteenPercent) {
  SwitchRounds rounds(1e6, 4, 1000);  // copying takes 4000 us
  rounds.Take(4400, 1000);
  rounds.Take(4500, 1000 / 1.14);
  rounds.Take(4600, 1000 / 0.86);
  EXPECT_EQ(rounds.size(), 3U);
  EXPECT_EQ(rounds.dropped(), 0U);
  EXPECT_THAT(rounds.away_us(), ElementsAre(4400, 4500, 4600));
  EXPECT_THAT(rounds.ideal_us(), ElementsAre(4000, 4000, 4000));
  rounds.Take(4000, 1000 / 1.16);
  rounds.Take(4000, 1000 / 0.84);
  EXPECT_EQ(rounds.size(), 3U);
  EXPECT_EQ(rounds.dropped(), 2U);
}

TEST(SwitchRounds, FollowsAMachineThatBecameFaster) {
  SwitchRounds rounds(1e6, 4, 1000);
  rounds.Take(4100, 500);
  EXPECT_FALSE(rounds.stale());
  rounds.Take(4100, 600);
  ASSERT_TRUE(rounds.stale());
  EXPECT_DOUBLE_EQ(rounds.rate(), 1e6 / (4 * 550e-6));
  EXPECT_FALSE(rounds.stale());  // forgotten
  rounds.Take(2400, 550);
  EXPECT_THAT(rounds.copy_us(), ElementsAre(testing::DoubleNear(2200, 1e-6)));
}

TEST(SwitchRounds, DoesNotFollowASingleOddRound) {
  SwitchRounds rounds(1e6, 1, 1000);
  for (int i = 0; i < 3; ++i) {
    rounds.Take(1200, 2000);
    EXPECT_FALSE(rounds.stale());
    rounds.Take(1200, 1000);
    EXPECT_FALSE(rounds.stale());
  }
  EXPECT_EQ(rounds.size(), 3U);
  EXPECT_EQ(rounds.dropped(), 3U);
  EXPECT_DOUBLE_EQ(rounds.rate(), 1e9);
}

TEST(SwitchRounds, IdealIsTheLongerOfTheTwo) {
  SwitchRounds rounds(1e6, 1, 1000);
  rounds.Take(1300, 1100);
  rounds.Take(1300, 900);
  EXPECT_THAT(rounds.ideal_us(), ElementsAre(1100, 1000));
}

}  // namespace
}  // namespace hadron::bench
