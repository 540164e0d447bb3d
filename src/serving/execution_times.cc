#include "serving/execution_times.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace hadron::serving {
namespace {

/// Enough for the sizes that matter; more of them, in between, tell nothing new.
constexpr std::size_t kMostSizes = 64;
/// Executions after which the time of a size that none of them had is old.
constexpr std::uint64_t kOld = 1000;

}  // namespace

std::int64_t ExecutionTimes::Padded(std::int64_t rows) const {
  const auto size = std::ranges::lower_bound(sizes_, rows);
  return size == sizes_.end() ? rows : *size;
}

void ExecutionTimes::Note(std::int64_t rows, double seconds) {
  constexpr double kNewest = 0.2;
  constexpr double kLongest = 3;  // times what was known: more is not the execution's
  rows = Padded(rows);
  ++noted_;
  const auto it = known_.find(rows);
  if (it != known_.end()) {
    Known& known = it->second;
    known.seconds += kNewest * (std::min(seconds, kLongest * known.seconds) - known.seconds);
    known.noted = noted_;
  } else if (known_.size() < kMostSizes) {
    known_.emplace(rows, Known{seconds, noted_});
  }
}

double ExecutionTimes::Expected(std::int64_t rows) const {
  if (known_.empty()) return 0;
  rows = Padded(rows);
  const auto above = known_.lower_bound(rows);
  if (above == known_.end()) {
    const auto& [most, last] = *std::prev(above);
    return last.seconds * static_cast<double>(rows) /
           static_cast<double>(std::max<std::int64_t>(1, most));
  }
  if (above->first == rows || above == known_.begin()) return above->second.seconds;
  const auto below = std::prev(above);
  const double share =
      static_cast<double>(rows - below->first) / static_cast<double>(above->first - below->first);
  return below->second.seconds + share * (above->second.seconds - below->second.seconds);
}

double ExecutionTimes::Fixed() const {
  if (known_.size() < 2) return 0;
  const auto& [few, least] = *known_.begin();
  const auto& [many, most] = *known_.rbegin();
  const double a_row = (most.seconds - least.seconds) / static_cast<double>(many - few);
  return std::clamp(least.seconds - a_row * static_cast<double>(few), 0.0, least.seconds);
}

std::int64_t ExecutionTimes::BestRows(std::int64_t limit) const {
  constexpr double kAsGood = 1.03;
  std::int64_t most = 0;
  double least = std::numeric_limits<double>::infinity();  // seconds a row
  const auto fresh = [&](std::int64_t rows, const Known& known) {
    return rows >= 1 && rows <= limit && noted_ - known.noted < kOld;
  };
  for (const auto& [rows, known] : known_) {
    if (!fresh(rows, known)) continue;
    most = rows;
    least = std::min(least, known.seconds / static_cast<double>(rows));
  }
  if (most < limit) return limit;
  std::int64_t best = 0;
  for (const auto& [rows, known] : known_) {
    const bool good = known.seconds <= kAsGood * least * static_cast<double>(rows);
    if (fresh(rows, known) && good) best = rows;
  }
  return best;
}

}  // namespace hadron::serving
