#pragma once

#include <algorithm>
#include <cstdint>

namespace hadron::backend::onednn {

/// Threads for `work` units of about a nanosecond each: all of them or one. Waking the team costs
/// a microsecond or two (much more on a busy machine), and a team of another size would have to be
/// built anew.
inline int ThreadsFor(double work, int threads) {
#if defined(__SANITIZE_THREAD__)
  // libgomp's barriers are invisible to the sanitizer: it would report every shared byte.
  return work < 0 ? threads : 1;
#else
  constexpr double kWorthATeam = 6000;
  return work < kWorthATeam ? 1 : threads;
#endif
}

/// Calls f(first, last) for consecutive shares of [0, items), one a thread of the caller's OpenMP
/// team. The shares decide nothing but who computes what.
template <typename F>
void ParallelFor(int threads, std::int64_t items, const F& f) {
  const std::int64_t shares = std::min<std::int64_t>(threads, items);
  if (shares <= 1) {
    f(std::int64_t{0}, items);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (std::int64_t share = 0; share < shares; ++share) {
    f(items * share / shares, items * (share + 1) / shares);
  }
}

}  // namespace hadron::backend::onednn
