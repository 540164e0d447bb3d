#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `ingest`: models come out of an object store in this process. Bytes a second and CPU time a
/// byte over those of plain sockets that fetch the same ranges (origin_floor), memory beyond the
/// models, requests beyond the least number. The product parses and compiles what it fetches, too.
base::StatusOr<CaseResult> RunIngestCase(const ServedOptions& options);

}  // namespace hadron::bench
