// Sizes and delays that nobody has configured, and the times they follow from.
#include "serving/batch_tuning.h"

#include <gtest/gtest.h>

namespace hadron::serving {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ExecutionTimes, KnowsWhatItHasSeenAndGuessesTheRest) {
  ExecutionTimes times;
  EXPECT_EQ(times.Expected(4), 0);
  times.Note(2, 0.020);
  EXPECT_DOUBLE_EQ(times.Expected(1), 0.020);  // not less: some of it is there however few
  EXPECT_DOUBLE_EQ(times.Expected(4), 0.040);
  times.Note(8, 0.050);
  EXPECT_DOUBLE_EQ(times.Expected(5), 0.035);
  EXPECT_DOUBLE_EQ(times.Expected(8), 0.050);
  EXPECT_DOUBLE_EQ(times.Expected(16), 0.100);
}

TEST(ExecutionTimes, FollowsChangesSlowly) {
  ExecutionTimes times;
  times.Note(1, 0.010);
  times.Note(1, 0.020);
  EXPECT_DOUBLE_EQ(times.Expected(1), 0.012);
}

TEST(ExecutionTimes, FindsWhatEmptyRunsWouldCost) {
  ExecutionTimes times;
  times.Note(1, 0.011);
  EXPECT_EQ(times.Fixed(), 0);  // one size says nothing about it
  times.Note(11, 0.021);
  EXPECT_NEAR(times.Fixed(), 0.010, 1e-12);
}

TEST(ExecutionTimes, WantsNoMoreRowsThanComeOutFaster) {
  ExecutionTimes times;
  EXPECT_EQ(times.BestRows(8), 8);
  times.Note(1, 0.010);
  times.Note(4, 0.020);
  EXPECT_EQ(times.BestRows(8), 8);  // never tried
  times.Note(8, 0.045);
  EXPECT_EQ(times.BestRows(8), 4);
  EXPECT_EQ(times.BestRows(4), 4);
}

TEST(ExecutionTimes, TakesMoreRowsThatComeOutAsFast) {
  ExecutionTimes times;
  times.Note(4, 0.0200);
  times.Note(8, 0.0408);
  EXPECT_EQ(times.BestRows(8), 8);
}

TEST(ExecutionTimes, HoldsAMomentsStandstillAgainstNoSizeForEver) {
  ExecutionTimes times;
  times.Note(4, 0.020);
  times.Note(8, 0.040);
  times.Note(8, 10);  // the machine stood still
  EXPECT_NEAR(times.Expected(8), 0.056, 1e-9);
  EXPECT_EQ(times.BestRows(8), 4);
  for (int i = 0; i < 1000; ++i) times.Note(4, 0.020);
  EXPECT_EQ(times.BestRows(8), 8);  // once more
  times.Note(8, 0.040);
  for (int i = 0; i < 100; ++i) times.Note(8, 0.040);
  EXPECT_EQ(times.BestRows(8), 8);
}

TEST(ExecutionTimes, KnowThatExecutionsArePadded) {
  ExecutionTimes times({1, 2, 4, 8});
  times.Note(3, 0.020);
  EXPECT_DOUBLE_EQ(times.Expected(4), 0.020);
  times.Note(8, 0.050);
  EXPECT_DOUBLE_EQ(times.Expected(5), 0.050);
  EXPECT_EQ(times.Padded(9), 9);  // beyond all sizes: as it is
}

TEST(BatchTuning, RunsTwiceWhatPaddingWouldMakeLonger) {
  ExecutionTimes times({1, 2, 4, 8, 16});
  for (const std::int64_t rows : {1, 2, 4, 8, 16}) {
    times.Note(rows, 0.001 + 0.001 * static_cast<double>(rows));
  }
  struct Row {
    std::int64_t rows;
    std::int64_t first;
    bool two;
  };
  for (const Row& row : {Row{9, 8, true},    // 9 + 2 against 17
                         Row{12, 8, true},   // 9 + 5 against 17
                         Row{13, 8, false},  // 9 + 9 against 17
                         Row{16, 8, false},  // nothing is padded
                         Row{3, 2, false},   // 3 + 2 against 5
                         Row{9, 0, false}, Row{9, 9, false}}) {
    EXPECT_EQ(FasterInTwo(times, row.rows, row.first), row.two) << row.rows << ' ' << row.first;
  }
}

TEST(BatchTuning, DoesNotLetAnIdleDeviceWait) {
  ExecutionTimes times;
  times.Note(1, 0.002);
  times.Note(8, 0.003);
  EXPECT_EQ(TuneBatch({&times, 10'000, 0.1, 8}).delay.count(), 0);
}

TEST(BatchTuning, WaitsOnABusyDeviceAsLongAsAnEmptyRunCosts) {
  ExecutionTimes times;
  times.Note(1, 0.002);
  times.Note(8, 0.009);
  const BatchTuning tuning = TuneBatch({&times, 5'000, 0.9, 8});
  EXPECT_NEAR(std::chrono::duration<double>(tuning.delay).count(), 0.001, 1e-6);
  EXPECT_EQ(tuning.rows, 8);
}

TEST(BatchTuning, WaitsForNobodyWhoIsNotLikelyToCome) {
  ExecutionTimes times;
  times.Note(1, 0.002);
  times.Note(8, 0.009);
  EXPECT_EQ(TuneBatch({&times, 100, 0.9, 8}).delay.count(), 0);
}

TEST(Rate, ForgetsWhatIsLongAgo) {
  const base::TimePoint start{seconds(1000)};
  Rate rate;
  for (int i = 0; i < 1000; ++i) rate.Note(1, start + milliseconds(10) * i);
  const base::TimePoint end = start + seconds(10);
  EXPECT_NEAR(rate.PerSecond(end), 100, 5);
  EXPECT_LT(rate.PerSecond(end + seconds(5)), 1);
}

}  // namespace
}  // namespace hadron::serving
