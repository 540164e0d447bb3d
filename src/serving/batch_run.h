#pragma once

#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "plan/lane.h"
#include "serving/batch.h"
#include "serving/response_cache.h"

namespace hadron::serving {

/// Splits the result of a run over the batch's requests and completes them: outputs in
/// configuration order (or as requested), shapes as clients see them; statistics and metrics.
void CompleteBatch(Batch batch, plan::RunResult result, base::TimePoint started,
                   const base::Clock& clock);

/// Completes a request whose answer was kept from another's run.
void CompleteHit(Pending pending, ResponseCache::Hit hit, const base::Clock& clock);

/// Completes a request to an ensemble; the response's times are the sums over its steps.
void CompleteEnsemble(Pending pending, InferenceResponse response, const base::Clock& clock);
/// One of its steps has failed.
void FailEnsemble(Pending pending, base::Status status);

/// What counts against the tenant's limits, if it may have that much; a step of an ensemble counts
/// with the whole. The refusal is for the client.
base::Status AdmitToTenant(Pending& pending, base::Duration expected);

/// Puts the time that a batch kept the device on the accounts of its requests and tenants.
void ChargeBatch(const Batch& batch, std::uint64_t device_ns, base::TimePoint now);

/// Bytes of a request's inputs.
std::uint64_t InputBytes(const InferenceRequest& request);

/// Completes every request of a batch with a failure.
void FailBatch(Batch batch, const base::Status& status, const base::Clock& clock);

}  // namespace hadron::serving
