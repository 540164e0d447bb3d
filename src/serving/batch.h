#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/model_version.h"
#include "serving/flow.h"
#include "serving/inference_request.h"

namespace hadron::serving {

class KeptTensor;

/// A request that waits, and whom to tell.
struct Pending {
  InferenceRequest request;
  OnDone done;
  base::TimePoint enqueued;
  base::TimePoint deadline = base::TimePoint::max();  ///< when its time in the queue is over
  double expected = 0;  ///< seconds of the device, as it was thought when it came
  /// Inputs that the scheduler gives, of the graph's shapes: what a sequence's model is told.
  std::vector<tensor::HostTensor> added{};
  std::uint64_t sequence = 0;  ///< the scheduler's number for what it belongs to; 0: nothing
  /// Fills a row that has to be there and is nobody's: nobody waits for it, it counts nowhere.
  bool null_item = false;
  /// By output, what of this request's answer the run leaves on the device.
  std::vector<std::pair<std::string, std::shared_ptr<const KeptTensor>>> kept{};

  Flow flow() const { return {request.identity.tenant, request.work_class}; }
};

/// Ends a request that was not run.
void Refuse(Pending pending, base::Status status);

/// Requests that run together, of one version. Holds the pin of the version's bytes.
struct Batch {
  model::ResidencyPin pin;
  std::vector<Pending> requests;
  std::int64_t rows = 0;
  Flow flow;              ///< whose turn it was; others may ride along
  double expected = 0;    ///< seconds
  std::size_t lease = 0;  ///< what RateLimiter::Start has given, where there is one
};

/// How many of them somebody waits for.
std::size_t CountRequests(const std::vector<Pending>& items);

/// What of a batch's time, in nanoseconds, is each request's, in their order: by rows, and exact in
/// the sum.
std::vector<std::uint64_t> DivideTime(const Batch& batch, std::uint64_t ns);

}  // namespace hadron::serving
