#pragma once

#include <chrono>
#include <cstdint>

namespace hadron::base {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

/// Time as an interface, so that tests own it (tests/fakes/fake_clock.h). Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
  /// Milliseconds since the Unix epoch.
  virtual std::int64_t WallMs() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
  std::int64_t WallMs() const override;
};

}  // namespace hadron::base
