#pragma once

#include "base/status.h"
#include "bench/rounds.h"

namespace hadron::bench {

struct KernelsOptions {
  int threads = 1;
  int rounds = 5;
};

/// Case `kernels`: our native convolutions and matrix products against oneDNN's primitives for the
/// same shapes (channels-last activations on both sides, weights as each likes them), interleaved.
/// UNAVAILABLE in builds that found no oneDNN.
base::StatusOr<CaseResult> RunKernelsCase(const KernelsOptions& options);

}  // namespace hadron::bench
