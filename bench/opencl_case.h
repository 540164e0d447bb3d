#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "bench/rounds.h"

namespace hadron::bench {

struct OpenClBenchOptions {
  std::string repository;           ///< directory of models
  std::vector<std::string> models;  ///< of it; those that are not there are left out, with a note
  int threads = 2;
  int rounds = 5;
};

/// Case `opencl`: the first OpenCL device (PoCL in CI: the same CPU, family `cpu`) against this
/// CPU's best, interleaved: single layers against oneDNN's primitives, networks against the native
/// executor. Outputs are compared before networks are timed. UNAVAILABLE without a device.
base::StatusOr<CaseResult> RunOpenClCase(const OpenClBenchOptions& options);

}  // namespace hadron::bench
