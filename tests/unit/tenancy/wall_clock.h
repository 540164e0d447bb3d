#pragma once

#include "base/clock.h"

namespace hadron::test {

/// A clock whose time of day the test sets.
class WallClock final : public base::Clock {
 public:
  base::TimePoint Now() const override { return {}; }
  std::int64_t WallMs() const override { return ms; }

  std::int64_t ms = 1'795'348'800'000;  ///< 2026-11-22T12:00:00Z
};

}  // namespace hadron::test
