#include "base/system_limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/strings.h"

namespace hadron::base {
namespace {

std::optional<std::string> FirstLine(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return line;
}

/// Quota in CPUs of "max 100000" or "150000 100000".
std::optional<double> QuotaV2() {
  const auto line = FirstLine("/sys/fs/cgroup/cpu.max");
  if (!line) return std::nullopt;
  std::istringstream in(*line);
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period) || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<double> QuotaV1() {
  const auto quota = FirstLine("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto period = FirstLine("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  const auto q = ParseDouble(*quota);
  const auto p = ParseDouble(*period);
  if (!q || !p || *q <= 0 || *p <= 0) return std::nullopt;
  return *q / *p;
}

unsigned AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

std::optional<std::uint64_t> MemoryLimit() {
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const auto line = FirstLine(path)) {
      if (const auto bytes = ParseUint64(*line)) return bytes;
    }
  }
  return std::nullopt;
}

}  // namespace

SystemLimits ReadSystemLimits() {
  SystemLimits limits;
  limits.cpus = AllowedCpus();
  const auto quota = QuotaV2() ? QuotaV2() : QuotaV1();
  if (quota) {
    const auto rounded = static_cast<unsigned>(std::ceil(*quota));
    limits.cpus = std::clamp(rounded, 1U, limits.cpus);
  }
  const auto pages = static_cast<std::uint64_t>(std::max(1L, sysconf(_SC_PHYS_PAGES)));
  const auto page = static_cast<std::uint64_t>(std::max(1L, sysconf(_SC_PAGESIZE)));
  limits.memory_bytes = std::min(pages * page, MemoryLimit().value_or(pages * page));
  return limits;
}

}  // namespace hadron::base
