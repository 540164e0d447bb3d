#include "bench/recovery.h"

#include <algorithm>

namespace hadron::bench {
namespace {

constexpr double kGood = 1.5;
constexpr double kShare = 0.99;

/// Latencies of the requests meant for that time.
std::vector<double> Between(const std::vector<TimedRequest>& requests, double from_us,
                            double to_us) {
  std::vector<double> latencies;
  for (const TimedRequest& request : requests) {
    if (request.intended_us >= from_us && request.intended_us < to_us) {
      latencies.push_back(request.latency_us);
    }
  }
  return latencies;
}

}  // namespace

double PercentileOf(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values[std::min(rank, values.size() - 1)];
}

Recovery RecoveryOf(const std::vector<TimedRequest>& requests, const OverloadSpan& overload) {
  Recovery recovery;
  // The first third is still warming up.
  recovery.p99_before_us =
      PercentileOf(Between(requests, overload.begin_us / 3, overload.begin_us), kShare);
  bool good_before = false;
  for (double at = overload.begin_us;; at += overload.window_us) {
    const std::vector<double> window = Between(requests, at, at + overload.window_us);
    if (window.empty()) return recovery;
    const double p99 = PercentileOf(window, kShare);
    recovery.p99_peak_us = std::max(recovery.p99_peak_us, p99);
    if (at < overload.end_us) continue;
    const bool good = p99 <= kGood * recovery.p99_before_us;
    if (good && good_before && recovery.after_us < 0) {
      recovery.after_us = at - overload.window_us - overload.end_us;
    }
    good_before = good;
  }
}

}  // namespace hadron::bench
