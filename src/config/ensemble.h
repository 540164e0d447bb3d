#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hadron::config {

/// One request to a composing model.
struct EnsembleStep {
  std::string model;
  std::optional<std::int64_t> version = {};  ///< nothing = the newest that is READY at the time
  std::map<std::string, std::string> inputs = {};   ///< the model's input -> the ensemble's tensor
  std::map<std::string, std::string> outputs = {};  ///< the model's output -> the ensemble's tensor
};

/// What an ensemble does with a request. Checked: every tensor is written once, by the client or by
/// a step, and the steps do not wait for each other in a circle.
struct EnsembleScheduling {
  std::vector<EnsembleStep> steps;
  std::uint32_t max_inflight_requests = 0;  ///< in each step at once; 0 = no limit
};

}  // namespace hadron::config
