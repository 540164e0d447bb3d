#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/sync.h"
#include "base/unique_function.h"
#include "device/memory_pool.h"
#include "model/residency_manager.h"
#include "plan/lane.h"
#include "serving/kept_tensors.h"
#include "serving/response_cache.h"
#include "serving/work_queues.h"

namespace hadron::serving {

/// The loop of one device: asks its queues (WorkQueues, who decide what goes next) for a batch when
/// a lane can take one, finds or orders the plan, starts the run. It decides and enqueues; it never
/// computes and never waits for the device.
///
/// A batch is formed late: while a run keeps the device for a while yet only batches that could not
/// grow any more are prepared. Work of class batch runs on a lane of its own in parts of bounded
/// length: between two of them interactive work goes first, on the other lane.
///
/// The lanes' arenas stay for as long as there is a version that has ever run on a lane, because it
/// may do so again; when the last of these has gone, they go, and with them the last byte that is
/// booked for models.
///
/// Threads: Enqueue, Add and Remove from any thread; Run is the `dev` thread. Completions come on
/// the lane's thread.
class DeviceScheduler final : public model::ResidencyManager::Observer {
 public:
  struct Dependencies {
    std::vector<plan::Lane*> lanes;
    base::Executor* load = nullptr;  ///< plans for new signatures are made there
    const base::Clock* clock = nullptr;
    model::ResidencyManager* residency = nullptr;  ///< watched from here on
    /// For work of class batch, which runs in parts there; null: it shares the other lanes, and
    /// only starts when they are idle.
    plan::Lane* bulk = nullptr;
    base::Duration longest_part = std::chrono::milliseconds(5);
    ResponseCache* cache = nullptr;  ///< null: every request runs
    RateLimiter* limiter = nullptr;  ///< null: executions are not limited
    /// Host memory that is free: what a lane has to take beyond it is asked for, for a batch of the
    /// version, and granted by `done`. Null: what is not free is refused.
    const device::MemoryPool* host_memory = nullptr;
    std::function<void(const model::ModelVersion& by, std::uint64_t bytes,
                       base::UniqueFunction<void(base::Status)> done)>
        want_host_memory = {};
    /// The lanes have given back what was asked for by CallBackMemory. On the `dev` thread.
    std::function<void()> memory_is_back = {};
    /// Bytes of the device's memory that tensors between steps of ensembles may take; 0: they go
    /// through the host.
    std::uint64_t room_for_kept = 0;
  };
  explicit DeviceScheduler(Dependencies dependencies);
  ~DeviceScheduler() override;

  /// A version begins to take requests, and takes them for as long as somebody has a handle of it:
  /// one that was acquired before the version was replaced is as good as any.
  void Add(const model::ModelHandle& version);
  /// Nobody has a handle of the version any more. `released` is called, on the `dev` thread, when
  /// the lanes have forgotten its weights; the version lives until then.
  void Remove(const model::ModelVersion& version, base::Task released);

  /// Takes the request, or completes it with the refusal.
  void Enqueue(InferenceRequest request, OnDone done);

  std::optional<std::vector<model::ResidencyManager::Claim>> Claims() override;
  void OnRestored(model::Payer payer, double seconds) override;
  void OnResident() override;
  void OnEvicted(std::shared_ptr<const plan::WeightBinding> weights) override;
  void OnMemoryShort() override;
  void OnSpareWanted() override;
  void OnRefused(const model::Residence* residence, const base::Status& status) override;

  /// Has the lanes give back what runs were computed in, as soon as none is under way; they take it
  /// again when they need it. False: they hold nothing. Any thread.
  bool CallBackMemory();

  /// Copies to the host what of these tensors is on the device. `done` is called exactly once,
  /// possibly before this returns. Any thread.
  using OnHome = base::UniqueFunction<void(base::StatusOr<std::vector<tensor::HostTensor>>)>;
  void BringHome(std::vector<tensor::HostTensor> tensors, OnHome done);

  /// Runs until Stop(), and then until what was started has finished.
  void Run();
  /// Refuses what waits and ends Run. Idempotent.
  void Stop();

  /// What sequences keep in host memory between their requests. Any thread.
  std::vector<tenancy::KeptBytes> Kept();
  /// How long runs have kept the device, all lanes together. Any thread.
  double busy_seconds() const { return static_cast<double>(busy_ns_.load()) * 1e-9; }
  /// How many bytes of tensors between steps of ensembles have stayed on the device. Any thread.
  std::uint64_t kept_bytes() const { return kept_bytes_.load(); }

 private:
  struct Prepared {
    Batch batch;
    std::shared_ptr<const plan::ExecutionPlan> plan;
  };
  /// A batch whose plan needs more memory than the lane has: what may have models leave the device
  /// or the host. While memory of the device is wanted no new batch is formed, so that those may
  /// leave whose models are busy; those that were formed before run or ask, too, so that nobody is
  /// waited for who waits himself.
  struct Awaiting {
    Prepared prepared;
    plan::Lane* lane = nullptr;
    std::uint64_t number = 0;
    bool on_host = false;
    std::optional<base::StatusOr<plan::ArenaPlace>> arena;  ///< the answer; of the host: no buffer
  };
  /// Tensors that are wanted on the host.
  struct Homecoming {
    std::vector<tensor::HostTensor> tensors;
    OnHome done;
  };
  using KeptRefs = std::vector<std::shared_ptr<const KeptTensor>>;
  /// A request of a failed batch.
  struct Single {
    model::ResidencyPin pin;
    Pending pending;
  };
  using Search = WorkQueues::Search;
  /// A version nobody has a handle of.
  struct Departure {
    const model::ModelVersion* version = nullptr;
    base::Task released;
  };
  /// What the lanes are to forget.
  struct Leaving {
    std::vector<Departure> departures;
    std::vector<std::shared_ptr<const plan::WeightBinding>> evicted;
    bool empty() const { return departures.empty() && evicted.empty(); }
  };

  /// What is to be done next.
  struct Turn {
    Search search;
    Leaving leaving;
    bool release = false;  ///< the arenas
    KeptRefs staying;      ///< they make way for models
    std::vector<Homecoming> homecomings;
    std::optional<Batch> batch;
    std::optional<Prepared> start;
    plan::Lane* lane = nullptr;  ///< for `start`
    std::optional<Awaiting> answered;
    bool go_on = false;  ///< the run that has paused

    bool empty() const {
      return search.expired.empty() && leaving.empty() && !release && staying.empty() &&
             homecomings.empty() && !batch && !start && !answered && !go_on;
    }
  };

  Turn ChooseTurn() HADRON_REQUIRES(mutex_);
  void Do(Turn turn);
  bool Step() HADRON_REQUIRES(mutex_);
  /// Of the lanes in which nothing runs.
  void ReleaseArenas();
  void CountLaneMemory();
  /// There is nothing to do just now: sleeps, or says that this is the end.
  bool Rest(std::optional<base::TimePoint> wake_at) HADRON_REQUIRES(mutex_);
  /// Where a batch of the flow goes that needs this plan; null: it has to wait.
  plan::Lane* LaneFor(const Flow& flow, const plan::ExecutionPlan& plan) const;
  plan::Lane* BulkLane() const { return deps_.bulk != nullptr ? deps_.bulk : deps_.lanes.front(); }
  std::vector<plan::Lane*> AllLanes() const;
  /// No run is in the lanes, that of batch work aside.
  bool LanesIdle() const;
  void FindBatch(Turn& turn) HADRON_REQUIRES(mutex_);
  WorkQueues::Wish WishNow(Search& search) HADRON_REQUIRES(mutex_);
  std::optional<Batch> TakeAlone() HADRON_REQUIRES(mutex_);
  void Prepare(Batch batch);
  void OrderPlan(Batch batch, std::vector<tensor::Shape> shapes);
  std::optional<Prepared> TakePrepared(plan::Lane*& lane) HADRON_REQUIRES(mutex_);
  bool HasAsked(const Prepared& prepared, const plan::Lane& lane) const HADRON_REQUIRES(mutex_);
  std::optional<Awaiting> TakeAnswered() HADRON_REQUIRES(mutex_);
  /// Starts it, or asks for the memory it needs first.
  void Begin(Prepared prepared, plan::Lane& lane);
  std::uint64_t MissingOnHost(plan::Lane& lane, const plan::ExecutionPlan& plan);
  /// What a batch asked for: a place, or memory of the host that is free now.
  void Answer(std::uint64_t number, base::StatusOr<plan::ArenaPlace> arena);
  void Resume(Awaiting awaiting);
  /// What is to go to the host when `room_wanted_back_`.
  void FindStaying(Turn& turn) HADRON_REQUIRES(mutex_);
  void FindRoom(std::uint64_t bytes);
  void Return(Homecoming homecoming);
  void Fetch(KeptRefs tensors, base::UniqueFunction<void(base::Status)> done);
  void Start(Prepared prepared, plan::Lane& lane);
  void Complete(Batch batch, plan::RunResult result, base::TimePoint started);
  /// Ends a batch that was not run, or whose run was nobody's use.
  void Fail(Batch batch, const base::Status& status);
  /// A batch that cannot run: its requests may, one by one.
  void FailOrPart(Batch batch, const base::Status& status);
  /// What a batch has taken goes on the accounts; `answered`: its requests will not run again.
  void Settle(const Batch& batch, const plan::RunResult& result, bool answered);
  base::Status Admit(Pending& pending, bool known) HADRON_REQUIRES(mutex_);
  /// A part of the run on the bulk lane has ended.
  void OnPaused();
  /// Runs the requests of a failed batch one by one: only the one at fault shall fail.
  void RunAlone(Batch batch);
  void Finished();
  void LetGo(Leaving leaving);
  void Notify() HADRON_REQUIRES(mutex_);
  bool Idle() const HADRON_REQUIRES(mutex_);
  /// Nobody who waits for memory would be kept waiting by a new batch.
  bool MayForm() const HADRON_REQUIRES(mutex_);

  const Dependencies deps_;
  std::set<const model::ModelVersion*> have_run_;          ///< dev thread only
  KeptTensors kept_;                                       ///< dev thread only
  std::size_t coming_home_ HADRON_GUARDED_BY(mutex_) = 0;  ///< copies under way
  std::vector<Homecoming> homecomings_ HADRON_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> kept_bytes_{0};
  std::atomic<std::uint64_t> busy_ns_{0};
  std::atomic<std::uint64_t> lane_bytes_{0};  ///< held by all lanes
  base::Mutex mutex_;
  base::CondVar wake_;
  WorkQueues queues_ HADRON_GUARDED_BY(mutex_);
  base::TimePoint free_at_ HADRON_GUARDED_BY(mutex_);  ///< what runs will have ended
  /// A batch of class batch was formed and has not ended.
  bool bulk_busy_ HADRON_GUARDED_BY(mutex_) = false;
  bool bulk_paused_ HADRON_GUARDED_BY(mutex_) = false;
  Flow bulk_flow_ HADRON_GUARDED_BY(mutex_);
  std::deque<Prepared> prepared_ HADRON_GUARDED_BY(mutex_);
  std::deque<Awaiting> awaiting_ HADRON_GUARDED_BY(mutex_);
  std::uint64_t asked_ HADRON_GUARDED_BY(mutex_) = 0;  ///< for arenas
  std::deque<Single> alone_ HADRON_GUARDED_BY(mutex_);
  Leaving leaving_ HADRON_GUARDED_BY(mutex_);
  bool arenas_wanted_back_ HADRON_GUARDED_BY(mutex_) = false;
  bool room_wanted_back_ HADRON_GUARDED_BY(mutex_) = false;
  int ordered_ HADRON_GUARDED_BY(mutex_) = 0;  ///< batches that wait for a plan to be made
  int running_ HADRON_GUARDED_BY(mutex_) = 0;  ///< runs whose completion has not ended
  bool stopping_ HADRON_GUARDED_BY(mutex_) = false;
  bool signalled_ HADRON_GUARDED_BY(mutex_) = false;
};

}  // namespace hadron::serving
