#include "telemetry/instruments.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace hadron::telemetry {
namespace {

using std::chrono::milliseconds;

base::TimePoint At(int ms) { return base::TimePoint(milliseconds(1000 + ms)); }

TEST(Counter, CountsFromManyThreads) {
  Counter counter;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) counter.Add(2);
      });
    }
  }
  EXPECT_EQ(counter.value(), 8000U);
}

TEST(Histogram, PutsABoundIntoTheBucketItEnds) {
  static constexpr double kBounds[] = {1, 2, 4};
  Histogram histogram(kBounds);
  for (const double value : {0.5, 1.0, 1.5, 4.0, 5.0}) histogram.Observe(value);
  const Histogram::Reading reading = histogram.Read();
  EXPECT_EQ(reading.buckets, (std::vector<std::uint64_t>{2, 1, 1, 1}));
  EXPECT_EQ(reading.count, 5U);
  EXPECT_DOUBLE_EQ(reading.sum, 12.0);
}

TEST(InflightMeter, IntegratesTheNumberOverTime) {
  InflightMeter meter;
  meter.Read(At(0));
  meter.Start(At(0));
  meter.Start(At(100));
  meter.Finish(At(200));
  const auto reading = meter.Read(At(400));
  EXPECT_EQ(reading.inflight, 1);
  EXPECT_EQ(reading.started, 2U);
  // One for 100 ms, two for 100 ms, one for 200 ms.
  EXPECT_NEAR(reading.seconds, 0.5, 1e-9);
}

TEST(InflightMeter, NeverGoesBackWhenAThreadReadTheClockEarlier) {
  InflightMeter meter;
  meter.Read(At(0));
  meter.Start(At(100));
  meter.Start(At(50));
  const double before = meter.Read(At(200)).seconds;
  EXPECT_GE(meter.Read(At(150)).seconds, before);
}

}  // namespace
}  // namespace hadron::telemetry
