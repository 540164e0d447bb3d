#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace hadron::bench {

/// One comparison: our time over the peer's, per round, and what it was.
struct Ratio {
  std::string what;             ///< "digits batch 1"
  std::string peer;             ///< "ONNX Runtime 1.31.1"
  std::vector<double> ratios;   ///< by round
  std::vector<double> ours_us;  ///< context only
  std::vector<double> peer_us;
};

inline double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// (max - min) / median: above 0.25 the machine was too noisy to tell.
inline double Spread(const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  return (high - low) / Median(values);
}

}  // namespace hadron::bench
