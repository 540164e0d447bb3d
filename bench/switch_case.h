#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `switch`: two models take turns on a device that holds one, played by the CPU behind a link
/// of limited speed. Time from request to answer over the longer of copying and computing: 1 where
/// the two overlap wholly. Copying takes four times the computing, then as long, in every round
/// that counts (switch_rounds.h).
base::StatusOr<CaseResult> RunSwitchCase(const ServedOptions& options);

}  // namespace hadron::bench
