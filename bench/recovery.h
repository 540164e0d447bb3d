#pragma once

#include <vector>

namespace hadron::bench {

/// A request of an open loop: when it was meant to be sent, and how long it took from then.
struct TimedRequest {
  double intended_us = 0;
  double latency_us = 0;
};

/// Nearest rank; 0 when there are none.
double PercentileOf(std::vector<double> values, double share);

/// An overload, and what is looked at around it.
struct OverloadSpan {
  double begin_us = 0;
  double end_us = 0;
  double window_us = 1e6;  ///< p99 is taken over so long
};

struct Recovery {
  double after_us = -1;  ///< from the end of the overload until p99 is good again; -1 = never
  double p99_before_us = 0;
  double p99_peak_us = 0;  ///< the worst window from the overload's begin on
};

/// How long an overload is felt: until p99 is up to 1.5 times what it was before, two windows in a
/// row, so that neither a lucky window nor a late odd one decides. Pure.
Recovery RecoveryOf(const std::vector<TimedRequest>& requests, const OverloadSpan& overload);

}  // namespace hadron::bench
