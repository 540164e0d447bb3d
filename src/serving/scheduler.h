#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "serving/batch.h"
#include "serving/batch_tuning.h"
#include "tenancy/usage.h"

namespace hadron::plan {
struct RunResult;
}

namespace hadron::serving {

/// What a scheduler answers to "what now?": a batch, or when to ask again, or neither (idle).
/// `expired` are requests that ended while it looked; the caller completes them without locks.
struct Decision {
  std::vector<Pending> requests;  ///< the batch; empty = none now
  std::optional<base::TimePoint> wake_at;
  std::vector<std::pair<Pending, base::Status>> expired;
};

/// Under which terms a batch is asked for.
struct Terms {
  /// Who may be in it, most entitled first: the first is whose turn it is, the others ride along.
  std::span<const Flow> order;
  BatchTuning tuning;  ///< for models that nobody has configured
  /// The device is busy for a while yet: only a batch that could not grow any more.
  bool only_full = false;
  /// Of the model's executions: a batch grows no further than its members' deadlines allow. Null:
  /// not known.
  const ExecutionTimes* times = nullptr;
};

/// Requests of one flow that wait.
struct FlowState {
  Flow flow;
  base::TimePoint oldest;
  std::size_t requests = 0;
};

/// The queue of one model version and the rule by which batches form. Passive: it starts nothing,
/// reads no clock. Externally synchronised (DeviceScheduler's mutex).
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// Takes the request, or says why not and leaves it untouched.
  virtual base::Status Enqueue(Pending& pending) = 0;
  /// Gives an answer that needs no run its place among the others, if those have an order. What it
  /// returns has to be called.
  virtual OnDone InOrder(OnDone done) { return done; }
  /// Asked only when a lane can take work, so batches form late.
  virtual Decision Next(base::TimePoint now, const Terms& terms) = 0;
  /// A batch of this scheduler, or one request of a batch that failed, has ended: with its outputs,
  /// by graph output, or with the failure. Before its requests are answered.
  virtual void Ended(const std::vector<Pending>& /*requests*/, const plan::RunResult& /*result*/,
                     base::TimePoint /*now*/) {}
  /// Ends what must not wait any longer and forms no batch; says when to ask again.
  virtual Decision Expire(base::TimePoint now) = 0;
  /// When the request has to have begun, by the client's wish and the model's rules; max(): no
  /// promise.
  virtual base::TimePoint MustStartBy(const Pending& pending) const = 0;
  /// Adds what is kept for requests that are still to come, and on whose accounts.
  virtual void AddKept(std::vector<tenancy::KeptBytes>& /*kept*/) const {}
  virtual std::size_t queued() const = 0;
  /// Who waits; nobody twice.
  virtual std::vector<FlowState> Flows() const = 0;
  /// When the request that has waited longest was enqueued; max() without any.
  virtual base::TimePoint oldest() const = 0;
  /// Removes the requests that were enqueued before.
  virtual std::vector<Pending> TakeOlder(base::TimePoint than) = 0;
  /// Empties the queue.
  virtual std::vector<Pending> TakeAll() = 0;
};

}  // namespace hadron::serving
