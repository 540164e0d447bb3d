#include "storage/s3/retry.h"

#include <algorithm>

namespace hadron::storage::s3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kTokens = 500;
constexpr int kRetryCost = 5;
constexpr int kTimeoutCost = 10;
constexpr milliseconds kLongest{20'000};

}  // namespace

bool RetryBudget::Take(bool timed_out) {
  const int cost = timed_out ? kTimeoutCost : kRetryCost;
  const base::MutexLock lock(mutex_);
  if (tokens_ < cost) return false;
  tokens_ -= cost;
  return true;
}

void RetryBudget::Succeeded() {
  const base::MutexLock lock(mutex_);
  tokens_ = std::min(tokens_ + 1, kTokens);
}

milliseconds Backoff::Wait(int failures, bool throttled, std::optional<seconds> asked) {
  const std::int64_t factor = std::int64_t{1} << std::clamp(failures, 0, 16);
  const milliseconds most = std::min(base_ * factor * (throttled ? 10 : 1), kLongest);
  std::uniform_int_distribution<std::int64_t> any(0, most.count());
  milliseconds wait{any(random_)};
  if (asked) wait = std::max<milliseconds>(wait, std::min(*asked, seconds(60)));
  return wait;
}

}  // namespace hadron::storage::s3
