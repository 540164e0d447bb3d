#pragma once

#include "base/status.h"
#include "cli/explain/options.h"
#include "cli/explain/plan_report.h"

namespace hadron::cli::explain {

/// Loads and compiles the model as the server would, runs it on made-up inputs and says what the
/// plan is. Runs on a thread of its own, which ends with the call. Errors name the file or the
/// option, the place and the remedy.
base::StatusOr<PlanReport> Explain(const Options& options);

}  // namespace hadron::cli::explain
