#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "model/model_version.h"
#include "serving/inference_request.h"

namespace hadron::serving {

/// A request that waits, and whom to tell.
struct Pending {
  InferenceRequest request;
  OnDone done;
  base::TimePoint enqueued;
  base::TimePoint deadline = base::TimePoint::max();  ///< when its time in the queue is over
};

/// Ends a request that was not run.
void Refuse(Pending pending, base::Status status);

/// Requests that run together, of one version. Holds the pin of the version's bytes.
struct Batch {
  model::ResidencyPin pin;
  std::vector<Pending> requests;
  std::int64_t rows = 0;
};

}  // namespace hadron::serving
