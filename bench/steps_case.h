#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace hadron::bench {

struct StepsOptions {
  std::string repository;
  std::vector<std::string> models;
  std::vector<int> batches = {1};
  int threads = 2;
  int runs = 21;
};

/// Case `steps`: where the time of a run goes, step by step. Absolute times, the least of the runs,
/// a tool for whoever makes the executor faster; not a comparison.
base::Status RunStepsCase(const StepsOptions& options);

}  // namespace hadron::bench
