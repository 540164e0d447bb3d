#pragma once

#include <vector>

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// The parts of case `quota` that need a server: what of a card's memory a tenant's models take at
/// ten times what is allowed (the CPU plays the card), and how long refusals take over REST against
/// health calls on the same connection.
base::StatusOr<std::vector<Ratio>> RunQuotaServer(const ServedOptions& options, int rounds);

}  // namespace hadron::bench
