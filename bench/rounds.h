#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hadron::bench {

/// One comparison: ours over the peer's, per round, and what it was.
struct Ratio {
  std::string what;             ///< "digits batch 1"
  std::string peer;             ///< "ONNX Runtime 1.31.1"
  std::vector<double> ratios;   ///< by round
  std::vector<double> ours_us;  ///< context only; empty where the metric is no time
  std::vector<double> peer_us;
  std::string metric = "time";  ///< "cpu", "throughput", ...
  bool higher_is_better = false;
  /// More context: a name with its unit ("p50_difference_us") and its values by round.
  std::vector<std::pair<std::string, std::vector<double>>> context = {};
  /// Why it cannot be judged, whatever it says; empty: it can.
  std::string doubt = {};
};

/// What a case found, and what a reader must know of how (pinning, what was skipped and why).
struct CaseResult {
  std::vector<Ratio> ratios;
  std::vector<std::string> notes;
};

inline double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// (max - min) / median: above 0.25 the machine was too noisy to tell. 0 where all are equal.
inline double Spread(const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  if (low == high) return 0;
  return (high - low) / Median(values);
}

}  // namespace hadron::bench
