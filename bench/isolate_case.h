#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `isolate`: response time of a model at load 0.3 while another one is loaded and unloaded
/// without a pause, over its response time alone.
base::StatusOr<CaseResult> RunIsolateCase(const ServedOptions& options);

}  // namespace hadron::bench
