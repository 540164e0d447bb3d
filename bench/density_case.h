#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `density`: what a thousand tiny models cost a server that has nothing to do. Resident bytes
/// a model over its file, CPU time of an idle second, and the index over the index of ten models.
/// UNAVAILABLE when the server does not start, INTERNAL for a wrong answer.
base::StatusOr<CaseResult> RunDensityCase(const ServedOptions& options);

}  // namespace hadron::bench
