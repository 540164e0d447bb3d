#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "model/residency_manager.h"
#include "serving/batch_tuning.h"
#include "serving/execution_times.h"
#include "serving/fair_share.h"
#include "serving/rate_limiter.h"
#include "serving/scheduler.h"

namespace hadron::serving {

/// All that waits for one device, and who goes next. From outside in: interactive work of tenants
/// inside their share, then everybody else, by the tags of FairShare; of the tenant's models the
/// one it is on, until its queue is empty or it has served 64 requests, then the largest age over
/// cost (OrderModels); of the model's requests those its own scheduler chooses, and free places go
/// to other tenants' requests of the same model, each charged its part. Models whose weights are
/// absent are asked for and take no place meanwhile; whose is brought next is chosen by the same
/// rules, and the time that it takes is charged to the tenant for whom it is.
///
/// Starts nothing, reads no clock. Externally synchronised (DeviceScheduler's mutex).
class WorkQueues {
 public:
  /// `limiter` null: executions are not limited.
  explicit WorkQueues(model::ResidencyManager& residency, RateLimiter* limiter = nullptr)
      : residency_(residency), limiter_(limiter) {}

  void Add(const model::ModelHandle& version);
  /// Nobody has a handle any more, so nothing waits.
  void Remove(const model::ModelVersion& version);
  /// The versions whose residence this is; null: none.
  const model::ModelVersion* Find(const model::Residence* residence) const;

  /// Takes the request, or says why not and leaves it untouched. UNAVAILABLE with cause kDeadline,
  /// and after which time to ask again, for one that will not be served in time; `free_at` is when
  /// what has been started will have ended.
  base::Status Enqueue(Pending& pending, base::TimePoint now, base::TimePoint free_at);
  /// The same for a request whose answer is known: it takes no place but that of its answer.
  base::Status EnqueueKnown(Pending& pending);
  /// Seconds of the device that the request is expected to take; 0 = not known.
  double Expected(const InferenceRequest& request) const;

  /// What looking for a batch came to besides the batch.
  struct Search {
    base::TimePoint now;
    std::optional<base::TimePoint> wake_at;
    std::vector<std::pair<Pending, base::Status>> expired;

    void WakeAt(base::TimePoint when) { wake_at = std::min(wake_at.value_or(when), when); }
  };
  /// What there is room for.
  struct Wish {
    bool interactive = true;
    bool batch = true;
    /// Only what goes before everything else, or (`below`) whose tag is smaller.
    bool urgent_only = false;
    std::optional<double> below{};
    bool only_full = false;  ///< see Terms
  };
  /// The next batch, whose work has begun as far as shares are concerned: Settle has to follow.
  std::optional<Batch> Next(const Wish& wish, Search& search);
  /// Ends what may wait no longer, whoever's turn it is.
  void ExpireDue(Search& search);
  /// Whether the limits let the version execute now.
  bool MayStart(const model::ModelVersion& version) const {
    return limiter_ == nullptr || limiter_->CanStart(&version);
  }
  /// A request of a failed batch runs alone. Needs MayStart.
  Batch Alone(const model::ResidencyPin& pin, Pending pending);
  /// The batch has ended, or will not run (0 seconds). Before its requests are answered.
  void Settle(const Batch& batch, double seconds, base::TimePoint now);
  /// A run of so many rows took so long.
  void NoteTime(const model::ModelVersion& version, std::int64_t rows, double seconds);
  /// A batch of the version has ended: what its scheduler has to know.
  void Ended(const Batch& batch, const plan::RunResult& result, base::TimePoint now);
  /// Who waits for which version, in the order in which their work would go.
  std::vector<model::ResidencyManager::Claim> Claims();
  /// Bringing a model onto the device for the tenant has taken so long.
  void ChargeRestore(const tenancy::Tenant* tenant, double seconds) {
    shares_.Charge(tenant, seconds);
  }
  /// What is kept in host memory for requests that are still to come.
  std::vector<tenancy::KeptBytes> Kept() const;
  /// Nothing runs.
  void Rest() { shares_.Rest(); }
  double tag(const Flow& flow) const { return shares_.tag(flow.tenant); }

  /// Empties the queue of a version; of all.
  std::vector<Pending> TakeWaiting(const model::ModelVersion& version);
  std::vector<Pending> TakeWaiting();

 private:
  /// The queue of a version; no handle, which the requests in it have.
  struct Queue {
    const model::ModelVersion* version = nullptr;
    std::unique_ptr<Scheduler> scheduler;
    ExecutionTimes times;
    Rate arrivals;  ///< rows
    // Requests found no weights from then until then (none: they still do not).
    std::optional<base::TimePoint> absent_since;
    std::optional<base::TimePoint> absent_until;
    /// When the request came that has the weights brought: its account is told once it is served.
    std::optional<base::TimePoint> brought_for;
  };
  /// What a tenant has waiting, and where it is.
  struct Tenancy {
    std::size_t requests = 0;
    std::array<double, tenancy::kWorkClasses.size()> seconds{};  ///< expected, by class
    const model::ModelVersion* current = nullptr;
    std::size_t served = 0;  ///< requests of the current model, in a row
  };
  /// The models in which a flow has work.
  struct FlowWork {
    Flow flow;
    std::vector<std::pair<Queue*, base::TimePoint>> queues;  ///< with the oldest request
    base::TimePoint oldest = base::TimePoint::max();
  };

  void Came(const Pending& pending);
  void Went(const Pending& pending);
  double ExpectedOf(const Queue& queue, std::int64_t rows) const;
  /// When the request would begin.
  base::TimePoint Predict(const Queue& queue, const Pending& pending, base::TimePoint now,
                          base::TimePoint free_at) const;
  /// `start_by` is what the model's own scheduler asks for.
  base::Status CheckDeadline(const Queue& queue, const Pending& pending, base::TimePoint start_by,
                             base::TimePoint now, base::TimePoint free_at);
  /// Of the device's memory; what has to wait for room is let in.
  base::Status CheckResidentLimit(const Queue& queue, const Pending& pending) const;
  /// Why a request's model did not come in time.
  base::Status WhyAbsent(const Queue& queue, const Pending& pending) const;
  void NotePromise(const Pending& pending, base::TimePoint now);
  std::vector<FlowWork> Works();
  /// Its models, whose turn it is first.
  std::vector<Queue*> OrderOf(const FlowWork& work, base::TimePoint now);
  std::optional<Batch> BatchOf(Queue& queue, std::span<const Flow> members, const Wish& wish,
                               Search& search);
  std::optional<Batch> NextOf(const FlowWork& work, std::span<const Flow> members, const Wish& wish,
                              Search& search);
  Batch Form(Queue& queue, const Flow& flow, model::ResidencyPin::Weights weights,
             std::vector<Pending> requests);
  void Begin(Batch& batch);
  void AwaitResidency(Queue& queue, Search& search);
  /// Tells the metrics how long a request waited for the weights, if it did.
  static void NoteAbsence(const Queue& queue, const Pending& pending);
  static void NoteLoad(Queue& queue, const Pending& pending);
  void Expire(Decision& decision, Search& search);
  std::vector<Pending> TakeWaiting(Queue& queue);

  model::ResidencyManager& residency_;
  RateLimiter* const limiter_;
  FairShare shares_;
  Rate busy_;  ///< seconds of the device
  std::map<const model::ModelVersion*, Queue> queues_;
  std::set<const model::ModelVersion*> active_;  ///< have requests
  std::map<const tenancy::Tenant*, Tenancy> tenants_;
  base::TimePoint expire_at_ = base::TimePoint::max();  ///< nobody's time is over before
  /// Share of the time until a deadline that promises leave unused: grows with every one that was
  /// not kept.
  double caution_ = 0;
};

}  // namespace hadron::serving
