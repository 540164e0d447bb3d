#pragma once

#include <cstdint>

namespace hadron::base {

/// What this process may use of the machine: the cgroup's limits (v1 or v2) where there are any,
/// else the machine's.
struct SystemLimits {
  unsigned cpus = 1;               ///< CPU quota rounded up, at most the CPUs it may run on
  std::uint64_t memory_bytes = 0;  ///< RAM limit
};

/// Reads /proc and /sys once; never fails.
SystemLimits ReadSystemLimits();

}  // namespace hadron::base
