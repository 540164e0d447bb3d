#include "serving/execution_times.h"

#include <algorithm>
#include <iterator>

namespace hadron::serving {
namespace {

/// Enough for the sizes that matter; more of them, in between, tell nothing new.
constexpr std::size_t kMostSizes = 64;

}  // namespace

void ExecutionTimes::Note(std::int64_t rows, double seconds) {
  constexpr double kNewest = 0.2;
  const auto it = seconds_.find(rows);
  if (it != seconds_.end()) {
    it->second += kNewest * (seconds - it->second);
  } else if (seconds_.size() < kMostSizes) {
    seconds_.emplace(rows, seconds);
  }
}

double ExecutionTimes::Expected(std::int64_t rows) const {
  if (seconds_.empty()) return 0;
  const auto above = seconds_.lower_bound(rows);
  if (above == seconds_.end()) {
    const auto& [most, seconds] = *std::prev(above);
    return seconds * static_cast<double>(rows) /
           static_cast<double>(std::max<std::int64_t>(1, most));
  }
  if (above->first == rows || above == seconds_.begin()) return above->second;
  const auto below = std::prev(above);
  const double share =
      static_cast<double>(rows - below->first) / static_cast<double>(above->first - below->first);
  return below->second + share * (above->second - below->second);
}

double ExecutionTimes::Fixed() const {
  if (seconds_.size() < 2) return 0;
  const auto& [few, least] = *seconds_.begin();
  const auto& [many, most] = *seconds_.rbegin();
  const double a_row = (most - least) / static_cast<double>(many - few);
  return std::clamp(least - a_row * static_cast<double>(few), 0.0, least);
}

std::int64_t ExecutionTimes::BestRows(std::int64_t limit) const {
  constexpr double kAsGood = 1.03;
  std::int64_t best = 0;
  double least = 0;  // seconds a row
  for (const auto& [rows, seconds] : seconds_) {
    if (rows < 1 || rows > limit) continue;
    const double a_row = seconds / static_cast<double>(rows);
    if (best == 0 || a_row * kAsGood < least) {
      best = rows;
      least = a_row;
    }
  }
  const bool untried = seconds_.empty() || seconds_.rbegin()->first < limit;
  return best == 0 || untried ? limit : best;
}

}  // namespace hadron::serving
