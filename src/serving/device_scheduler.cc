#include "serving/device_scheduler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "serving/batch_inputs.h"
#include "serving/batch_outputs.h"
#include "serving/batch_run.h"
#include "serving/kept_outputs.h"
#include "serving/test_hooks.h"

namespace hadron::serving {
namespace {

using base::Status;

Status Draining() { return base::Unavailable("Server exiting", base::RefusalCause::kDraining); }

/// How long before the end of a run the next batch is formed: longer than it takes to prepare it.
constexpr std::chrono::microseconds kLead{200};

}  // namespace

DeviceScheduler::DeviceScheduler(Dependencies dependencies)
    : deps_(std::move(dependencies)),
      kept_(deps_.room_for_kept),
      queues_(*deps_.residency, deps_.limiter) {
  deps_.residency->Watch(this);
}

DeviceScheduler::~DeviceScheduler() { deps_.residency->Watch(nullptr); }

void DeviceScheduler::Add(const model::ModelHandle& version) {
  base::MutexLock lock(mutex_);
  queues_.Add(version);
}

void DeviceScheduler::Remove(const model::ModelVersion& version, base::Task released) {
  base::MutexLock lock(mutex_);
  queues_.Remove(version);
  leaving_.departures.push_back({&version, std::move(released)});
  Notify();
}

void DeviceScheduler::LetGo(Leaving leaving) {
  for (const Departure& departure : leaving.departures) {
    leaving.evicted.push_back(deps_.residency->TakeDown(*departure.version));
  }
  for (const auto& weights : leaving.evicted) {
    for (plan::Lane* lane : AllLanes()) lane->Forget(weights.get());
  }
  leaving.evicted.clear();
  for (const Departure& departure : leaving.departures) have_run_.erase(departure.version);
  if (have_run_.empty() && !leaving.departures.empty()) {
    ReleaseArenas();
    kept_.Release(deps_.clock->Now());
  }
  for (Departure& departure : leaving.departures) departure.released();
}

void DeviceScheduler::ReleaseArenas() {
  for (plan::Lane* lane : AllLanes()) {
    if (lane->in_flight() == 0) lane->ReleaseMemory();
  }
  CountLaneMemory();
  if (deps_.memory_is_back) deps_.memory_is_back();
}

void DeviceScheduler::CountLaneMemory() {
  std::uint64_t held = 0;
  for (const plan::Lane* lane : AllLanes()) held += lane->memory_bytes();
  lane_bytes_.store(held);
}

bool DeviceScheduler::CallBackMemory() {
  if (lane_bytes_.load() == 0) return false;
  OnMemoryShort();
  return true;
}

std::optional<std::vector<model::ResidencyManager::Claim>> DeviceScheduler::Claims() {
  base::MutexLock lock(mutex_);
  return queues_.Claims();
}

void DeviceScheduler::OnRestored(model::Payer payer, double seconds) {
  base::MutexLock lock(mutex_);
  queues_.ChargeRestore(static_cast<const tenancy::Tenant*>(payer), seconds);
}

void DeviceScheduler::OnResident() {
  base::MutexLock lock(mutex_);
  Notify();
}

void DeviceScheduler::OnEvicted(std::shared_ptr<const plan::WeightBinding> weights) {
  base::MutexLock lock(mutex_);
  leaving_.evicted.push_back(std::move(weights));
  Notify();
}

void DeviceScheduler::OnMemoryShort() {
  base::MutexLock lock(mutex_);
  arenas_wanted_back_ = true;
  Notify();
}

void DeviceScheduler::OnSpareWanted() {
  base::MutexLock lock(mutex_);
  room_wanted_back_ = true;
  Notify();
}

void DeviceScheduler::OnRefused(const model::Residence* residence, const base::Status& status) {
  std::vector<Pending> waiting;
  {
    base::MutexLock lock(mutex_);
    const model::ModelVersion* const version = queues_.Find(residence);
    if (version == nullptr) return;
    waiting = queues_.TakeWaiting(*version);
  }
  for (Pending& pending : waiting) {
    const std::string model = "model '" + pending.request.model->name() + "'";
    Refuse(std::move(pending), status.Clone().With(model));
  }
}

void DeviceScheduler::Enqueue(InferenceRequest request, OnDone done) {
  Pending pending;
  pending.request = std::move(request);
  pending.done = std::move(done);
  pending.enqueued = deps_.clock->Now();
  std::optional<ResponseCache::Hit> hit;
  if (deps_.cache != nullptr && ResponseCache::Serves(*pending.request.model)) {
    hit = deps_.cache->Look(pending);
  }
  Status status;
  {
    base::MutexLock lock(mutex_);
    status = stopping_ ? Draining() : Admit(pending, hit.has_value());
    if (status.ok() && !hit) Notify();
  }
  if (!status.ok()) return Refuse(std::move(pending), std::move(status));
  if (hit) CompleteHit(std::move(pending), std::move(*hit), *deps_.clock);
}

/// What its tenant may not have is refused before it is known whether there would be room.
Status DeviceScheduler::Admit(Pending& pending, bool known) {
  const std::chrono::duration<double> expected(known ? 0.0 : queues_.Expected(pending.request));
  HADRON_RETURN_IF_ERROR(
      AdmitToTenant(pending, std::chrono::duration_cast<base::Duration>(expected)));
  if (known) return queues_.EnqueueKnown(pending);
  return queues_.Enqueue(pending, pending.enqueued, free_at_);
}

std::vector<tenancy::KeptBytes> DeviceScheduler::Kept() {
  base::MutexLock lock(mutex_);
  return queues_.Kept();
}

void DeviceScheduler::Notify() {
  signalled_ = true;
  wake_.NotifyOne();
}

std::vector<plan::Lane*> DeviceScheduler::AllLanes() const {
  std::vector<plan::Lane*> lanes = deps_.lanes;
  if (deps_.bulk != nullptr) lanes.push_back(deps_.bulk);
  return lanes;
}

bool DeviceScheduler::LanesIdle() const {
  return std::ranges::all_of(deps_.lanes,
                             [](const plan::Lane* lane) { return lane->in_flight() == 0; });
}

plan::Lane* DeviceScheduler::LaneFor(const Flow& flow, const plan::ExecutionPlan& plan) const {
  if (!flow.interactive()) return BulkLane()->in_flight() == 0 ? BulkLane() : nullptr;
  const auto it = std::ranges::find_if(
      deps_.lanes, [&plan](const plan::Lane* lane) { return lane->CanTake(plan); });
  return it == deps_.lanes.end() ? nullptr : *it;
}

/// What there is room for now, and how much of a hurry there is.
WorkQueues::Wish DeviceScheduler::WishNow(Search& search) {
  WorkQueues::Wish wish;
  const auto room = [](const plan::Lane* lane) { return lane->in_flight() < plan::Lane::kMaxRuns; };
  wish.interactive = std::ranges::any_of(deps_.lanes, room);
  wish.batch = !bulk_busy_ && BulkLane()->in_flight() == 0;
  if (bulk_busy_) {
    wish.urgent_only = true;
    wish.below = queues_.tag(bulk_flow_);
  }
  const auto idle = [](const plan::Lane* lane) { return lane->in_flight() == 0; };
  if (std::ranges::none_of(deps_.lanes, idle) && free_at_ > search.now + kLead) {
    wish.only_full = true;
    search.WakeAt(free_at_ - kLead);
  }
  return wish;
}

void DeviceScheduler::FindBatch(Turn& turn) {
  if (!alone_.empty() && queues_.MayStart(*alone_.front().pin.version())) {
    turn.batch = TakeAlone();
  } else if (MayForm()) {
    const WorkQueues::Wish wish = WishNow(turn.search);
    turn.batch = queues_.Next(wish, turn.search);
  }
  if (!turn.batch || turn.batch->flow.interactive()) return;
  bulk_busy_ = true;
  bulk_flow_ = turn.batch->flow;
}

std::optional<Batch> DeviceScheduler::TakeAlone() {
  Single single = std::move(alone_.front());
  alone_.pop_front();
  return queues_.Alone(single.pin, std::move(single.pending));
}

void DeviceScheduler::Prepare(Batch batch) {
  auto shapes = PlanShapes(batch);
  if (!shapes.ok()) {
    return FailOrPart(std::move(batch), std::move(shapes).status());
  }
  auto plan = batch.pin->plans().Find(*shapes);
  if (plan == nullptr) return OrderPlan(std::move(batch), std::move(shapes).value());
  base::MutexLock lock(mutex_);
  prepared_.push_back({std::move(batch), std::move(plan)});
}

void DeviceScheduler::OrderPlan(Batch batch, std::vector<tensor::Shape> shapes) {
  {
    base::MutexLock lock(mutex_);
    ++ordered_;
  }
  deps_.load->Post([this, batch = std::move(batch), shapes = std::move(shapes)]() mutable {
    auto plan = batch.pin->compiled().Specialise(shapes);
    if (plan.ok()) batch.pin->plans().Insert(*plan);
    const bool ok = plan.ok();
    if (!ok) FailOrPart(std::move(batch), plan.CloneStatus());
    base::MutexLock lock(mutex_);
    --ordered_;
    if (ok) prepared_.push_back({std::move(batch), std::move(plan).value()});
    Notify();
  });
}

/// Whether another batch of the version waits for an arena, which may do for this one: asked for
/// together they would be more than there is.
bool DeviceScheduler::HasAsked(const Prepared& prepared, const plan::Lane& lane) const {
  if (lane.MissingArena(*prepared.plan) == 0) return false;
  return std::ranges::any_of(awaiting_, [&](const Awaiting& awaiting) {
    return awaiting.lane == &lane && !awaiting.on_host &&
           awaiting.prepared.batch.pin.version() == prepared.batch.pin.version();
  });
}

/// In order among those that go to the same lane; while one waits for an arena, whatever a lane can
/// take.
std::optional<DeviceScheduler::Prepared> DeviceScheduler::TakePrepared(plan::Lane*& lane) {
  std::optional<bool> blocked;  // interactive or batch work
  for (auto it = prepared_.begin(); it != prepared_.end(); ++it) {
    const Flow flow = it->batch.flow;
    if (blocked == flow.interactive() && awaiting_.empty()) continue;
    lane = LaneFor(flow, *it->plan);
    if (lane == nullptr || HasAsked(*it, *lane)) {
      if (!blocked) blocked = flow.interactive();
      continue;
    }
    std::optional<Prepared> taken(std::move(*it));
    prepared_.erase(it);
    return taken;
  }
  return std::nullopt;
}

std::optional<DeviceScheduler::Awaiting> DeviceScheduler::TakeAnswered() {
  const auto it = std::ranges::find_if(awaiting_, [](const Awaiting& awaiting) {
    if (!awaiting.arena) return false;
    // The old arena is in use until the lane is idle.
    return !awaiting.arena->ok() || awaiting.lane->in_flight() == 0;
  });
  if (it == awaiting_.end()) return std::nullopt;
  std::optional<Awaiting> answered(std::move(*it));
  awaiting_.erase(it);
  return answered;
}

void DeviceScheduler::Begin(Prepared prepared, plan::Lane& lane) {
  const std::uint64_t arena = lane.MissingArena(*prepared.plan);
  const std::uint64_t on_host = arena > 0 ? 0 : MissingOnHost(lane, *prepared.plan);
  if (arena == 0 && on_host == 0) return Start(std::move(prepared), lane);
  const model::ModelHandle version = prepared.batch.pin.version();
  std::uint64_t number = 0;
  {
    base::MutexLock lock(mutex_);
    number = ++asked_;
    awaiting_.push_back({std::move(prepared), &lane, number, arena == 0, std::nullopt});
  }
  if (arena > 0) {
    deps_.residency->WantArena(*version, arena,
                               [this, number](base::StatusOr<plan::ArenaPlace> place) {
                                 Answer(number, std::move(place));
                               });
    return;
  }
  deps_.want_host_memory(*version, on_host, [this, number](Status status) {
    if (status.ok()) return Answer(number, plan::ArenaPlace());
    Answer(number, std::move(status));
  });
}

/// Host memory that the lane would have to take and that is not free; 0: it may go ahead.
std::uint64_t DeviceScheduler::MissingOnHost(plan::Lane& lane, const plan::ExecutionPlan& plan) {
  const auto missing = [&]() -> std::uint64_t {
    const std::uint64_t bytes = lane.MissingHostMemory(plan);
    return bytes <= deps_.host_memory->free() ? 0 : bytes;
  };
  if (!deps_.want_host_memory || missing() == 0) return 0;
  lane.ReleaseMemory();  // it is too small, and in the way
  return missing();
}

void DeviceScheduler::Answer(std::uint64_t number, base::StatusOr<plan::ArenaPlace> arena) {
  base::MutexLock lock(mutex_);
  std::ranges::find(awaiting_, number, &Awaiting::number)->arena = std::move(arena);
  Notify();
}

void DeviceScheduler::Resume(Awaiting awaiting) {
  const bool has_it = awaiting.lane->MissingHostMemory(*awaiting.prepared.plan) == 0;
  if (!awaiting.arena->ok() && awaiting.on_host && has_it) {  // for another batch, meanwhile
    base::MutexLock lock(mutex_);
    prepared_.push_front(std::move(awaiting.prepared));
    return;
  }
  if (!awaiting.arena->ok()) {
    return FailOrPart(std::move(awaiting.prepared.batch), std::move(*awaiting.arena).status());
  }
  // Another one's may be large enough by now.
  if (!awaiting.on_host && awaiting.lane->MissingArena(*awaiting.prepared.plan) > 0) {
    awaiting.lane->GiveArena(std::move(*awaiting.arena).value());
  }
  Begin(std::move(awaiting.prepared), *awaiting.lane);
}

void DeviceScheduler::Start(Prepared prepared, plan::Lane& lane) {
  const base::TimePoint started = deps_.clock->Now();
  have_run_.insert(prepared.batch.pin.version().get());
  auto batch = std::make_shared<Batch>(std::move(prepared.batch));
  plan::RunRequest run;
  run.plan = std::move(prepared.plan);
  run.weights = batch->pin.weights_ptr();
  run.inputs = RunInputs(*batch);
  const config::ModelConfig& config = batch->pin->config();
  run.rows = config.batched() && !config.ragged() ? batch->rows : 1;
  if (kept_.enabled()) {
    FindRoom(BytesToKeep(*batch, *run.plan));
    KeepOutputs(*batch, *run.plan, kept_, run);
  }
  run.delay = ExecuteDelay(config);
  run.done = [this, batch, started](plan::RunResult result) {
    Complete(std::move(*batch), std::move(result), started);
    Finished();
  };
  if (&lane == deps_.bulk) {
    run.part = deps_.longest_part;
    run.paused = [this] { OnPaused(); };
  }
  {
    base::MutexLock lock(mutex_);
    ++running_;
    free_at_ =
        std::max(free_at_, started) + std::chrono::nanoseconds(std::llround(batch->expected * 1e9));
  }
  Status status = lane.Submit(run);
  CountLaneMemory();
  if (status.ok()) return;
  FailOrPart(std::move(*batch), status);
  Finished();
}

void DeviceScheduler::OnPaused() {
  base::MutexLock lock(mutex_);
  bulk_paused_ = true;
  Notify();
}

void DeviceScheduler::Settle(const Batch& batch, const plan::RunResult& result, bool answered) {
  const base::TimePoint now = deps_.clock->Now();
  const std::uint64_t device_ns = result.device_ns();
  const double seconds = static_cast<double>(device_ns) * 1e-9;
  ChargeBatch(batch, device_ns, now);
  base::MutexLock lock(mutex_);
  queues_.Settle(batch, seconds, now);
  if (!batch.flow.interactive()) bulk_busy_ = bulk_paused_ = false;
  if (result.status.ok()) queues_.NoteTime(*batch.pin.version(), batch.rows, seconds);
  if (answered) queues_.Ended(batch, result, now);
}

void DeviceScheduler::Fail(Batch batch, const Status& status) {
  plan::RunResult result;
  result.status = status.Clone();
  Settle(batch, result, true);
  FailBatch(std::move(batch), status, *deps_.clock);
}

/// What there is no memory for, or what the model does not take, may be the batch alone and none of
/// its requests: they differ in shape where they are ragged.
void DeviceScheduler::FailOrPart(Batch batch, const Status& status) {
  const bool memory = status.code() == base::StatusCode::kResourceExhausted;
  const bool shapes =
      batch.pin->config().ragged() && status.code() == base::StatusCode::kInvalidArgument;
  if (!(memory || shapes) || CountRequests(batch.requests) == 1) {
    return Fail(std::move(batch), status);
  }
  plan::RunResult result;
  result.status = status.Clone();
  Settle(batch, result, false);
  RunAlone(std::move(batch));
}

void DeviceScheduler::Complete(Batch batch, plan::RunResult result, base::TimePoint started) {
  busy_ns_.fetch_add(result.device_ns());
  if (result.status.ok()) result.status = CheckOutputs(batch, result.outputs);
  const bool somebodys_fault = result.status.code() == base::StatusCode::kInvalidArgument;
  const bool again = somebodys_fault && batch.requests.size() > 1;
  Settle(batch, result, !again);
  if (again) return RunAlone(std::move(batch));
  if (result.status.ok()) kept_bytes_.fetch_add(NoteKept(batch));
  CompleteBatch(std::move(batch), std::move(result), started, *deps_.clock);
}

void DeviceScheduler::RunAlone(Batch batch) {
  base::MutexLock lock(mutex_);
  for (Pending& pending : batch.requests) {
    if (!pending.null_item) alone_.push_back({batch.pin, std::move(pending)});
  }
}

void DeviceScheduler::Finished() {
  base::MutexLock lock(mutex_);
  if (--running_ == 0) {
    free_at_ = {};
    queues_.Rest();
  }
  Notify();
}

bool DeviceScheduler::Idle() const {
  return homecomings_.empty() && prepared_.empty() && awaiting_.empty() && alone_.empty() &&
         ordered_ == 0 && running_ == 0;
}

bool DeviceScheduler::Rest(std::optional<base::TimePoint> wake_at) {
  if (stopping_ && Idle()) return false;
  if (!signalled_) {
    if (wake_at) {
      wake_.WaitUntil(mutex_, *wake_at);
    } else {
      wake_.Wait(mutex_);
    }
  }
  signalled_ = false;
  return true;
}

bool DeviceScheduler::MayForm() const {
  constexpr std::size_t kMostAwaiting = 64;
  return awaiting_.size() < kMostAwaiting &&
         std::ranges::all_of(awaiting_, [](const Awaiting& awaiting) {
           return awaiting.on_host && !awaiting.arena;
         });
}

DeviceScheduler::Turn DeviceScheduler::ChooseTurn() {
  Turn turn;
  turn.search.now = deps_.clock->Now();
  turn.leaving = std::exchange(leaving_, {});
  turn.homecomings = std::exchange(homecomings_, {});
  turn.release = LanesIdle() && std::exchange(arenas_wanted_back_, false);
  FindStaying(turn);
  turn.answered = TakeAnswered();
  if (turn.answered) return turn;  // before anything else uses the lane
  queues_.ExpireDue(turn.search);
  if (arenas_wanted_back_) {  // runs are in them: nothing new until the last has ended
    turn.go_on = std::exchange(bulk_paused_, false);
    return turn;
  }
  turn.start = TakePrepared(turn.lane);
  if (turn.start) return turn;
  // What is prepared for the one lane does not keep the other one waiting.
  const bool waiting = std::ranges::any_of(
      prepared_, [](const Prepared& prepared) { return prepared.batch.flow.interactive(); });
  // Those of a failed batch have their model pinned: whoever waits for memory waits for them, too.
  if (!waiting && (MayForm() || !alone_.empty())) FindBatch(turn);
  // Between two parts: nobody has to go first.
  turn.go_on = bulk_paused_ && !turn.batch;
  if (turn.go_on) bulk_paused_ = false;
  return turn;
}

void DeviceScheduler::Do(Turn turn) {
  for (auto& [pending, status] : turn.search.expired) {
    Refuse(std::move(pending), std::move(status));
  }
  LetGo(std::move(turn.leaving));
  for (Homecoming& homecoming : turn.homecomings) Return(std::move(homecoming));
  if (!turn.staying.empty()) Fetch(std::move(turn.staying), [](const Status&) {});
  if (turn.release) ReleaseArenas();
  if (turn.batch) Prepare(std::move(*turn.batch));
  if (turn.start) Begin(std::move(*turn.start), *turn.lane);
  if (turn.answered) Resume(std::move(*turn.answered));
  if (turn.go_on) deps_.bulk->Continue();
}

bool DeviceScheduler::Step() {
  Turn turn = ChooseTurn();
  if (turn.empty()) return Rest(turn.search.wake_at);
  // All of it may call back into this object or take its time: not under the lock.
  mutex_.Unlock();
  Do(std::move(turn));
  mutex_.Lock();
  return true;
}

void DeviceScheduler::Run() {
  base::MutexLock lock(mutex_);
  while (Step()) {
  }
}

void DeviceScheduler::Stop() {
  std::vector<Pending> waiting;
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    waiting = queues_.TakeWaiting();
    Notify();
  }
  for (Pending& pending : waiting) Refuse(std::move(pending), Draining());
}

}  // namespace hadron::serving
