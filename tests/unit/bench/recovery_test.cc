#include "bench/recovery.h"

#include <gtest/gtest.h>

#include <vector>

namespace hadron::bench {
namespace {

/// Three requests a second; before second 6 of 100 us, afterwards as given, a second each.
std::vector<TimedRequest> Seconds(const std::vector<double>& latencies) {
  std::vector<TimedRequest> requests;
  const auto add = [&requests](std::size_t second, double latency) {
    for (int i = 0; i < 3; ++i) {
      requests.push_back({(static_cast<double>(second) + 0.2 * i) * 1e6, latency});
    }
  };
  for (std::size_t second = 0; second < 6; ++second) add(second, 100);
  for (std::size_t i = 0; i < latencies.size(); ++i) add(6 + i, latencies[i]);
  return requests;
}

constexpr OverloadSpan kTwoSeconds{6e6, 8e6, 1e6};

TEST(RecoveryOf, IsTheBeginOfTwoGoodWindowsInARow) {
  const struct {
    std::vector<double> latencies;
    double after_us;
  } rows[] = {
      {{900, 900, 150, 150, 100}, 0},             // good at once
      {{900, 900, 800, 700, 150, 140}, 2e6},      // when the queue is gone
      {{900, 900, 100, 700, 151, 140, 90}, 3e6},  // a lucky window is none
      {{900, 900, 100, 100, 700}, 0},             // nor is a late odd one
      {{900, 900, 100, 700, 100, 700}, -1},
      {{900, 900, 800, 800, 100}, -1},
      {{900, 900}, -1},
  };
  for (const auto& row : rows) {
    EXPECT_DOUBLE_EQ(RecoveryOf(Seconds(row.latencies), kTwoSeconds).after_us, row.after_us)
        << row.latencies.size();
  }
}

TEST(RecoveryOf, TellsWhatWasBeforeAndAtWorst) {
  std::vector<TimedRequest> requests = Seconds({400, 900, 100});
  requests.push_back({0, 5000});  // warming up
  const Recovery recovery = RecoveryOf(requests, kTwoSeconds);
  EXPECT_DOUBLE_EQ(recovery.p99_before_us, 100);
  EXPECT_DOUBLE_EQ(recovery.p99_peak_us, 900);
}

TEST(PercentileOf, IsTheNearestRank) {
  std::vector<double> values;
  for (int i = 100; i > 0; --i) values.push_back(i);
  EXPECT_DOUBLE_EQ(PercentileOf(values, 0.99), 100);
  EXPECT_DOUBLE_EQ(PercentileOf(values, 0.5), 51);
  EXPECT_DOUBLE_EQ(PercentileOf(values, 1.0), 100);
  EXPECT_DOUBLE_EQ(PercentileOf({}, 0.5), 0);
}

}  // namespace
}  // namespace hadron::bench
