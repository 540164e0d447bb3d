// What a restore takes, from what others took.
#include "model/restore_times.h"

#include <gtest/gtest.h>

namespace hadron::model {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

/// A millisecond, and half a one for each MiB.
double Line(std::uint64_t bytes) { return 1e-3 + 0.5e-3 * static_cast<double>(bytes / kMiB); }

TEST(RestoreTimes, GuessesBeforeAnythingWasMeasured) {
  const RestoreTimes times;
  EXPECT_GT(times.Expected(2 * kMiB), times.Expected(kMiB));
  EXPECT_GT(times.Expected(kMiB), 0);
}

TEST(RestoreTimes, LearnsWhatAModelTakesAndWhatAByteTakes) {
  RestoreTimes times;
  for (int i = 0; i < 20; ++i) {
    for (const std::uint64_t mib : {2, 8, 30}) times.Note(mib * kMiB, Line(mib * kMiB));
  }
  for (const std::uint64_t mib : {1, 4, 16, 64}) {
    EXPECT_NEAR(times.Expected(mib * kMiB), Line(mib * kMiB), 1e-6) << mib;
  }
}

TEST(RestoreTimes, ScalesWithBytesWhileAllWereAlike) {
  RestoreTimes times;
  for (int i = 0; i < 10; ++i) times.Note(8 * kMiB, 4e-3);
  EXPECT_NEAR(times.Expected(16 * kMiB), 8e-3, 1e-6);
  EXPECT_NEAR(times.Expected(2 * kMiB), 1e-3, 1e-6);
}

TEST(RestoreTimes, TakesOneThatWasDisturbedForWhatItIs) {
  RestoreTimes times;
  for (int i = 0; i < 40; ++i) {
    for (const std::uint64_t mib : {2, 8, 30}) times.Note(mib * kMiB, Line(mib * kMiB));
  }
  times.Note(2 * kMiB, 1.0);  // 500 times as long
  EXPECT_LT(times.Expected(2 * kMiB), 1.2 * Line(2 * kMiB));
  EXPECT_NEAR(times.Expected(30 * kMiB), Line(30 * kMiB), 0.05 * Line(30 * kMiB));
}

TEST(RestoreTimes, FollowsALinkThatHasBecomeSlower) {
  RestoreTimes times;
  for (int i = 0; i < 100; ++i) times.Note((1 + i % 8) * kMiB, Line((1 + i % 8) * kMiB));
  for (int i = 0; i < 200; ++i) times.Note((1 + i % 8) * kMiB, 10 * Line((1 + i % 8) * kMiB));
  EXPECT_NEAR(times.Expected(4 * kMiB), 10 * Line(4 * kMiB), Line(4 * kMiB));
}

TEST(RestoreTimes, NeverExpectsLessThanNoTime) {
  RestoreTimes times;
  times.Note(kMiB, 1e-3);
  times.Note(64 * kMiB, 1.0);
  EXPECT_GE(times.Expected(0), 0);
  EXPECT_GE(times.Expected(1), 0);
}

}  // namespace
}  // namespace hadron::model
