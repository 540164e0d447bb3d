#include "telemetry/system_stats.h"

#include <gtest/gtest.h>

#include <chrono>

namespace hadron::telemetry {
namespace {

TEST(ProcStat, CountsIdleAndIowaitAsNotBusy) {
  const auto times = ParseProcStat("cpu  10 20 30 100 40 5 6 7 99 99\ncpu0 1 2 3 4\n");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->busy, 10U + 20 + 30 + 5 + 6 + 7);
  EXPECT_EQ(times->total, times->busy + 140);
}

TEST(ProcStat, RefusesOtherText) {
  EXPECT_FALSE(ParseProcStat(""));
  EXPECT_FALSE(ParseProcStat("intr 1 2 3 4 5"));
  EXPECT_FALSE(ParseProcStat("cpu 1 2 x 4 5"));
}

TEST(BusyShare, IsZeroWhenTheCountersStandStill) {
  EXPECT_DOUBLE_EQ(BusyShare({10, 100}, {10, 100}), 0);
  EXPECT_DOUBLE_EQ(BusyShare({10, 100}, {35, 150}), 0.5);
  EXPECT_DOUBLE_EQ(BusyShare({10, 100}, {5, 150}), 0);
}

TEST(Meminfo, UsedIsTotalLessAvailable) {
  const auto use = ParseMeminfo("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n");
  ASSERT_TRUE(use);
  EXPECT_EQ(use->total_bytes, 1'024'000U);
  EXPECT_EQ(use->used_bytes, 614'400U);
  EXPECT_FALSE(ParseMeminfo("MemTotal: 1000 kB\n"));
  EXPECT_FALSE(ParseMeminfo("MemTotal: kB\nMemAvailable: 1 kB\n"));
}

TEST(ProcessStart, LiesInTheRecentPast) {
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(ProcessStartSeconds(), now + 0.1);
  EXPECT_GT(ProcessStartSeconds(), now - 3600);
}

}  // namespace
}  // namespace hadron::telemetry
