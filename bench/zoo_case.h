#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `zoo`: a hundred models on a device that holds a tenth of them, popularity by Zipf's law,
/// the device played by the CPU. Loads over those of a replay that knows the future (one request at
/// a time, and with many waiting); what is completed in an open loop, and how long an overload is
/// felt, with everything resident as the peer. INTERNAL for a wrong answer.
base::StatusOr<CaseResult> RunZooCase(const ServedOptions& options);

}  // namespace hadron::bench
