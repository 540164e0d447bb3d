#pragma once

#include <string>

#include "base/status.h"
#include "bench/rounds.h"

namespace hadron::bench {

struct FrontOptions {
  std::string server;             ///< the program `hadron`
  std::string profile = "quick";  ///< quick, full, or smoke: few requests, checks answers only
};

/// Case `front`: what the protocols cost. The server of `options` and the floors (floor.h) run as
/// processes of their own and answer the same request bytes, interleaved round by round. Headlines:
/// the server's CPU time per request and the throughput with many requests outstanding, over the
/// floor's. Every answer is checked.
/// INTERNAL for a wrong answer, UNAVAILABLE when a server does not start or refuses.
base::StatusOr<CaseResult> RunFrontCase(const FrontOptions& options);

}  // namespace hadron::bench
