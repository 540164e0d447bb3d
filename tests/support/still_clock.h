#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace hadron::test {

/// Time that stands still until the test moves it. Not thread-safe.
class StillClock final : public base::Clock {
 public:
  base::TimePoint Now() const override { return now_; }
  std::int64_t WallMs() const override { return 0; }
  void Advance(base::Duration by) { now_ += by; }

 private:
  base::TimePoint now_{std::chrono::hours(1)};
};

}  // namespace hadron::test
