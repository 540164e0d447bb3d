#include "base/clock.h"

namespace hadron::base {

TimePoint SystemClock::Now() const { return std::chrono::steady_clock::now(); }

std::int64_t SystemClock::WallMs() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

}  // namespace hadron::base
