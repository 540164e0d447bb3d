#include "telemetry/instruments.h"

#include <algorithm>
#include <chrono>

namespace hadron::telemetry {

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds),
      buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {}

void Histogram::Observe(double value) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  buckets_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Reading Histogram::Read() const {
  Reading reading;
  reading.buckets.reserve(bounds_.size() + 1);
  for (std::size_t i = 0; i <= bounds_.size(); ++i) {
    reading.buckets.push_back(buckets_[i].load(std::memory_order_relaxed));
    reading.count += reading.buckets.back();
  }
  reading.sum = sum_.load(std::memory_order_relaxed);
  return reading;
}

void InflightMeter::Advance(base::TimePoint now) {
  // Threads read the clock before they take the lock, so a later one may come with an earlier time.
  if (now <= last_) return;
  if (reading_.inflight > 0) {
    reading_.seconds +=
        static_cast<double>(reading_.inflight) * std::chrono::duration<double>(now - last_).count();
  }
  last_ = now;
}

void InflightMeter::Start(base::TimePoint now) {
  base::MutexLock lock(mutex_);
  Advance(now);
  ++reading_.inflight;
  ++reading_.started;
}

void InflightMeter::Finish(base::TimePoint now) {
  base::MutexLock lock(mutex_);
  Advance(now);
  --reading_.inflight;
}

InflightMeter::Reading InflightMeter::Read(base::TimePoint now) {
  base::MutexLock lock(mutex_);
  Advance(now);
  return reading_;
}

}  // namespace hadron::telemetry
