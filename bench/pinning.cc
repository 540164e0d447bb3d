#include "bench/pinning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hadron::bench {

cpu_set_t CpuSet(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &set);
  return set;
}

Pinning::Pinning() {
  sched_getaffinity(0, sizeof(before_), &before_);
  std::vector<int> all;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &before_)) all.push_back(cpu);
  }
  if (all.size() < 2) return;
  const auto half = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  server_.assign(all.begin(), half);
  generator_.assign(half, all.end());
  const cpu_set_t mine = CpuSet(generator_);
  sched_setaffinity(0, sizeof(mine), &mine);
}

Pinning::~Pinning() { sched_setaffinity(0, sizeof(before_), &before_); }

std::string Pinning::Describe() const {
  if (server_.empty()) return "one CPU: servers and generator share it, nothing is pinned";
  return fmt::format("pinned: servers to CPU {}, generator to CPU {}", fmt::join(server_, ","),
                     fmt::join(generator_, ","));
}

}  // namespace hadron::bench
