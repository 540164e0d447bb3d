#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/native/team.h"

namespace hadron::backend::native {

/// Threads for `work` units of about a nanosecond each: all of them or one. Handing a job over
/// costs about a microsecond.
inline int ThreadsFor(double work, int threads) {
  constexpr double kWorthATeam = 2500;
  return work < kWorthATeam ? 1 : threads;
}

/// Calls f(first, last) for consecutive shares of [0, items) on the calling thread and its team.
/// The shares decide nothing but who computes what.
template <typename F>
void ParallelFor(int threads, std::int64_t items, const F& f) {
  if (threads <= 1 || items <= 1) {
    f(std::int64_t{0}, items);
    return;
  }
  const Team::Body body = [](const void* context, std::int64_t first, std::int64_t last) {
    (*static_cast<const F*>(context))(first, last);
  };
  Team::OfThisThread().Run(threads, items, body, &f);
}

}  // namespace hadron::backend::native
