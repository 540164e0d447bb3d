#include "model/restore_times.h"

#include <algorithm>

namespace hadron::model {
namespace {

/// Before anything was measured: a gigabyte a second.
constexpr double kSecondsPerByte = 1e-9;
/// What is left of a measurement's weight after another one.
constexpr double kKept = 0.98;
/// From so many measurements on one that is this much above the line counts as no more.
constexpr double kEnough = 5;
constexpr double kFarOff = 4;
/// Sizes that differ by less than this part of their mean say nothing about the slope.
constexpr double kAlike = 0.1;

}  // namespace

void RestoreTimes::Note(std::uint64_t bytes, double seconds) {
  if (weight_ > kEnough) seconds = std::min(seconds, kFarOff * Expected(bytes));
  const auto size = static_cast<double>(bytes);
  weight_ = kKept * weight_ + 1;
  bytes_ = kKept * bytes_ + size;
  seconds_ = kKept * seconds_ + seconds;
  squares_ = kKept * squares_ + size * size;
  products_ = kKept * products_ + size * seconds;
}

double RestoreTimes::Expected(std::uint64_t bytes) const {
  const auto size = static_cast<double>(bytes);
  if (weight_ <= 0 || bytes_ <= 0) return size * kSecondsPerByte;
  const double mean_size = bytes_ / weight_;
  const double mean_seconds = seconds_ / weight_;
  const double steepest = mean_seconds / mean_size;  // nothing takes less than no time
  const double variance = squares_ / weight_ - mean_size * mean_size;
  double slope = steepest;
  if (variance > kAlike * kAlike * mean_size * mean_size) {
    const double covariance = products_ / weight_ - mean_size * mean_seconds;
    slope = std::clamp(covariance / variance, 0.0, steepest);
  }
  return mean_seconds + slope * (size - mean_size);
}

}  // namespace hadron::model
