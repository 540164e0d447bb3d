#pragma once

#include <sched.h>

#include <string>
#include <vector>

namespace hadron::bench {

/// The CPUs of a list as the kernel wants them.
cpu_set_t CpuSet(const std::vector<int>& cpus);

/// Keeps this thread, and those it starts, on the second half of the CPUs at hand; the first half
/// is for the servers. With one CPU nothing is pinned. The destructor undoes it for this thread.
class Pinning {
 public:
  Pinning();
  ~Pinning();
  Pinning(const Pinning&) = delete;
  Pinning& operator=(const Pinning&) = delete;

  /// Empty when nothing is pinned.
  const std::vector<int>& server_cpus() const { return server_; }
  const std::vector<int>& generator_cpus() const { return generator_; }
  /// What was done, for the reader.
  std::string Describe() const;

 private:
  std::vector<int> server_;
  std::vector<int> generator_;
  cpu_set_t before_{};
};

}  // namespace hadron::bench
