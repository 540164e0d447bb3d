#include "bench/switch_rounds.h"

#include <algorithm>
#include <cmath>

#include "bench/rounds.h"

namespace hadron::bench {
namespace {

constexpr double kTolerance = 0.15;
constexpr std::size_t kMostOff = 2;

double RateFor(double bytes, double times, double compute_us) {
  return bytes / (times * compute_us / 1e6);
}

}  // namespace

SwitchRounds::SwitchRounds(double bytes, double times, double compute_us)
    : bytes_(bytes), times_(times), rate_(RateFor(bytes, times, compute_us)) {}

void SwitchRounds::Take(double away_us, double there_us) {
  const double copy_us = bytes_ / rate_ * 1e6;
  if (std::abs(copy_us / there_us / times_ - 1) > kTolerance) {
    ++dropped_;
    off_us_.push_back(there_us);
    return;
  }
  off_us_.clear();
  away_us_.push_back(away_us);
  there_us_.push_back(there_us);
  copy_us_.push_back(copy_us);
}

bool SwitchRounds::stale() {
  if (off_us_.size() < kMostOff) return false;
  rate_ = RateFor(bytes_, times_, Median(off_us_));
  off_us_.clear();
  return true;
}

std::vector<double> SwitchRounds::ideal_us() const {
  std::vector<double> ideal;
  for (std::size_t i = 0; i < size(); ++i) ideal.push_back(std::max(copy_us_[i], there_us_[i]));
  return ideal;
}

}  // namespace hadron::bench
