#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/sync.h"

/// The things a request path counts with. All are thread-safe, never allocate after construction
/// and cost one relaxed atomic operation (InflightMeter: a short mutex). They do not know their
/// names: telemetry/metrics.h holds them and writes them out.
namespace hadron::telemetry {

/// A number that only grows.
class Counter {
 public:
  void Add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A whole number that goes up and down.
class Gauge {
 public:
  void Add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  void Set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// How often values fell into each range. `bounds` are the upper ends, ascending, and outlive the
/// histogram (they are constant tables).
class Histogram {
 public:
  struct Reading {
    std::vector<std::uint64_t> buckets;  ///< one more than bounds: the last is "above all"
    std::uint64_t count = 0;
    double sum = 0;
  };

  explicit Histogram(std::span<const double> bounds);
  void Observe(double value);
  std::span<const double> bounds() const { return bounds_; }
  Reading Read() const;

 private:
  std::span<const double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
  std::atomic<double> sum_{0};
};

/// Requests accepted and not yet answered, and the integral of that number over time, from which
/// the autoscaler takes differences. The integral never decreases.
class InflightMeter {
 public:
  struct Reading {
    std::int64_t inflight = 0;
    std::uint64_t started = 0;
    double seconds = 0;
  };

  void Start(base::TimePoint now);
  void Finish(base::TimePoint now);
  Reading Read(base::TimePoint now);

 private:
  void Advance(base::TimePoint now) HADRON_REQUIRES(mutex_);

  base::Mutex mutex_;
  base::TimePoint last_ HADRON_GUARDED_BY(mutex_);
  Reading reading_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::telemetry
