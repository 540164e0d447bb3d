#pragma once

#include "base/status.h"
#include "bench/rounds.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// Case `family`: variants of one network, 95 % of whose weights are equal bit for bit, all on the
/// device: bytes that are booked there over the bytes that differ. Every variant is asked, and its
/// answer compared.
base::StatusOr<CaseResult> RunFamilyCase(const ServedOptions& options);

}  // namespace hadron::bench
