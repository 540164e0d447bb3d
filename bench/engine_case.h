#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "bench/rounds.h"

namespace hadron::bench {

struct EngineOptions {
  std::string repository;  ///< directory of models
  std::vector<std::string> models;
  std::vector<int> batches = {1, 8};
  std::string python;  ///< interpreter with onnxruntime
  int threads = 2;
  int rounds = 9;
};

/// Case `engine`: our executor against ONNX Runtime on the same model files, inputs and threads,
/// interleaved round by round; outputs are compared before anything is timed.
base::StatusOr<std::vector<Ratio>> RunEngineCase(const EngineOptions& options);

}  // namespace hadron::bench
