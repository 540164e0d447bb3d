#include "serving/batch_tuning.h"

#include <algorithm>
#include <cmath>

namespace hadron::serving {
namespace {

constexpr double kMemorySeconds = 0.5;

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void Rate::Note(double amount, base::TimePoint now) {
  rate_ = PerSecond(now) + amount / kMemorySeconds;
  last_ = now;
}

double Rate::PerSecond(base::TimePoint now) const {
  return rate_ * std::exp(-std::max(0.0, Seconds(now - last_)) / kMemorySeconds);
}

BatchTuning TuneBatch(const BatchTuningInput& input) {
  constexpr double kBusy = 0.5;
  constexpr double kLongestDelay = 0.005;
  BatchTuning tuning;
  tuning.rows = std::max<std::int64_t>(1, input.times->BestRows(input.max_rows));
  const double fixed = std::min(input.times->Fixed(), kLongestDelay);
  if (input.busy_share >= kBusy && input.rows_per_second * fixed >= 1) {
    tuning.delay = base::Duration(static_cast<std::int64_t>(fixed * 1e9));
  }
  return tuning;
}

bool FasterInTwo(const ExecutionTimes& times, std::int64_t rows, std::int64_t first) {
  if (first <= 0 || first >= rows || times.Padded(rows) == rows) return false;
  return times.Expected(first) + times.Expected(rows - first) < times.Expected(rows);
}

}  // namespace hadron::serving
