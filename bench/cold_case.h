#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `cold`: from the start of the process to its first answer. One big model from a throttled
/// object store over the bytes at that rate; a second start with a warm cache over the first; time
/// to live with a hundred models over none.
base::StatusOr<CaseResult> RunColdCase(const ServedOptions& options);

}  // namespace hadron::bench
