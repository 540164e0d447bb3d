#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `churn`: models are loaded, asked and unloaded again and again while another one serves.
/// Resident set at the end over that after the first tenth, device bytes left at the end, failed
/// requests. INTERNAL for a wrong answer and for bytes that stay booked when no model is left,
/// UNAVAILABLE when a load fails.
base::StatusOr<CaseResult> RunChurnCase(const ServedOptions& options);

}  // namespace hadron::bench
