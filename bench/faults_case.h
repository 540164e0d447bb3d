#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `faults`: as `ingest`, and a share of the answers of the store is wrong in some way. Every
/// model either answers rightly or failed to load with its cause named; time over that without
/// faults. INTERNAL for a wrong answer.
base::StatusOr<CaseResult> RunFaultsCase(const ServedOptions& options);

}  // namespace hadron::bench
