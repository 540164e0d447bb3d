#pragma once

#include <chrono>
#include <optional>
#include <random>

#include "base/sync.h"

namespace hadron::storage::s3 {

/// Keeps retries from becoming a storm when everything fails: each costs tokens, each success gives
/// one back. Shared by all transfers of a store. Thread-safe.
class RetryBudget {
 public:
  /// False when there is not enough left.
  bool Take(bool timed_out);
  void Succeeded();

 private:
  base::Mutex mutex_;
  int tokens_ HADRON_GUARDED_BY(mutex_) = 500;
};

/// Waits before attempts, with full jitter. Externally synchronised.
class Backoff {
 public:
  explicit Backoff(std::chrono::milliseconds base) : base_(base), random_(std::random_device()()) {}

  /// Uniform between 0 and base * 2^failures (ten times that when throttled), 20 s at most; at
  /// least what the server asked for, as far as that is below a minute.
  std::chrono::milliseconds Wait(int failures, bool throttled,
                                 std::optional<std::chrono::seconds> asked);

 private:
  const std::chrono::milliseconds base_;
  std::minstd_rand random_;
};

}  // namespace hadron::storage::s3
