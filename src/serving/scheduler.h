#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "serving/batch.h"

namespace hadron::serving {

/// What a scheduler answers to "what now?": a batch, or when to ask again, or neither (idle).
/// `expired` are requests that ended while it looked; the caller completes them without locks.
struct Decision {
  std::vector<Pending> requests;  ///< the batch; empty = none now
  std::optional<base::TimePoint> wake_at;
  std::vector<std::pair<Pending, base::Status>> expired;
};

/// The queue of one model version and the rule by which batches form. Passive: it starts nothing,
/// reads no clock. Externally synchronised (DeviceScheduler's mutex).
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// Takes the request, or says why not and leaves it untouched.
  virtual base::Status Enqueue(Pending& pending) = 0;
  /// Asked only when a lane can take work, so batches form late.
  virtual Decision Next(base::TimePoint now) = 0;
  /// Ends what must not wait any longer and forms no batch; says when to ask again.
  virtual Decision Expire(base::TimePoint now) = 0;
  virtual std::size_t queued() const = 0;
  /// When the request that has waited longest was enqueued; max() without any.
  virtual base::TimePoint oldest() const = 0;
  /// Removes the requests that were enqueued before.
  virtual std::vector<Pending> TakeOlder(base::TimePoint than) = 0;
  /// Empties the queue.
  virtual std::vector<Pending> TakeAll() = 0;
};

}  // namespace hadron::serving
