#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/sync.h"
#include "plan/lane.h"
#include "serving/scheduler.h"

namespace hadron::serving {

/// The loop of one device: asks the schedulers of its models for batches when a lane can take one,
/// finds or orders the plan, starts the run. It decides and enqueues; it never computes and never
/// waits for the device.
///
/// Threads: Enqueue, Add and Remove from any thread; Run is the `dev` thread. Completions come on
/// the lane's thread.
class DeviceScheduler {
 public:
  struct Dependencies {
    std::vector<plan::Lane*> lanes;
    base::Executor* load = nullptr;  ///< plans for new signatures are made there
    const base::Clock* clock = nullptr;
  };
  explicit DeviceScheduler(Dependencies dependencies);
  ~DeviceScheduler();

  /// A version begins to take requests, and takes them for as long as somebody has a handle of it:
  /// one that was acquired before the version was replaced is as good as any.
  void Add(const model::ModelHandle& version);
  /// Nobody has a handle of the version any more. `released` is called, on the `dev` thread, when
  /// the lanes have forgotten its weights.
  void Remove(const model::ModelVersion& version, base::Task released);

  /// Takes the request, or completes it with the refusal.
  void Enqueue(InferenceRequest request, OnDone done);

  /// Runs until Stop(), and then until what was started has finished.
  void Run();
  /// Refuses what waits and ends Run. Idempotent.
  void Stop();

 private:
  struct Prepared {
    Batch batch;
    std::shared_ptr<const plan::ExecutionPlan> plan;
  };
  /// The queue of a version; no handle, which the requests in it have.
  struct Queue {
    const model::ModelVersion* version = nullptr;
    std::unique_ptr<Scheduler> scheduler;
  };
  struct Departure {
    const plan::WeightBinding* weights = nullptr;
    base::Task released;
  };
  using Expired = std::vector<std::pair<Pending, base::Status>>;

  bool Step() HADRON_REQUIRES(mutex_);
  /// There is nothing to do just now: sleeps, or says that this is the end.
  bool Rest(std::optional<base::TimePoint> wake_at) HADRON_REQUIRES(mutex_);
  plan::Lane* LaneFor(const plan::ExecutionPlan& plan) const;
  bool AnyLaneFree() const;
  std::optional<Batch> NextBatch(std::optional<base::TimePoint>& wake_at, Expired& expired)
      HADRON_REQUIRES(mutex_);
  std::optional<Batch> TakeAlone() HADRON_REQUIRES(mutex_);
  void Prepare(Batch batch);
  void OrderPlan(Batch batch, std::vector<tensor::Shape> shapes);
  void Start(Prepared prepared, plan::Lane& lane);
  void Complete(Batch batch, plan::RunResult result, base::TimePoint started);
  /// Runs the requests of a failed batch one by one: only the one at fault shall fail.
  void RunAlone(Batch batch);
  void Finished();
  void Depart(std::vector<Departure> departures);
  void Notify() HADRON_REQUIRES(mutex_);
  bool Idle() const HADRON_REQUIRES(mutex_);

  const Dependencies deps_;
  base::Mutex mutex_;
  base::CondVar wake_;
  std::map<const model::ModelVersion*, Queue> queues_ HADRON_GUARDED_BY(mutex_);
  const model::ModelVersion* last_served_ HADRON_GUARDED_BY(mutex_) = nullptr;
  std::deque<Prepared> prepared_ HADRON_GUARDED_BY(mutex_);
  std::deque<Batch> alone_ HADRON_GUARDED_BY(mutex_);  ///< single requests of failed batches
  std::vector<Departure> departures_ HADRON_GUARDED_BY(mutex_);
  int ordered_ HADRON_GUARDED_BY(mutex_) = 0;  ///< batches that wait for a plan to be made
  int running_ HADRON_GUARDED_BY(mutex_) = 0;  ///< runs whose completion has not ended
  bool stopping_ HADRON_GUARDED_BY(mutex_) = false;
  bool signalled_ HADRON_GUARDED_BY(mutex_) = false;
};

}  // namespace hadron::serving
