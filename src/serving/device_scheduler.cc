#include "serving/device_scheduler.h"

#include <algorithm>
#include <utility>

#include "serving/batch_run.h"
#include "serving/dynamic_batcher.h"
#include "serving/model_choice.h"

namespace hadron::serving {
namespace {

using base::Status;

Status Draining() { return base::Unavailable("Server exiting", base::RefusalCause::kDraining); }

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

Status NotResident(const model::ModelVersion& version) {
  return base::Unavailable("model '" + version.name() +
                               "' did not get onto the device within --model-restore-timeout-ms: "
                               "others use its memory; try again later",
                           base::RefusalCause::kMemory);
}

Status Gone(const model::ModelVersion& version) {
  return base::NotFound("Request for unknown model: '" + version.name() +
                        "' has no available versions");
}

}  // namespace

DeviceScheduler::DeviceScheduler(Dependencies dependencies) : deps_(std::move(dependencies)) {
  deps_.residency->Watch(this);
}

DeviceScheduler::~DeviceScheduler() { deps_.residency->Watch(nullptr); }

void DeviceScheduler::Add(const model::ModelHandle& version) {
  base::MutexLock lock(mutex_);
  Queue& queue = queues_[version.get()];
  queue.version = version.get();
  queue.scheduler = std::make_unique<DynamicBatcher>(version->config_ptr());
}

void DeviceScheduler::Remove(const model::ModelVersion& version, base::Task released) {
  base::MutexLock lock(mutex_);
  const auto it = queues_.find(&version);
  if (it != queues_.end()) {
    HADRON_CHECK(it->second.scheduler->queued() == 0);  // a request has a handle
    queues_.erase(it);
    active_.erase(&version);
  }
  leaving_.departures.push_back({&version, std::move(released)});
  Notify();
}

void DeviceScheduler::LetGo(Leaving leaving) {
  for (const Departure& departure : leaving.departures) {
    leaving.evicted.push_back(deps_.residency->TakeDown(*departure.version));
  }
  for (const auto& weights : leaving.evicted) {
    for (plan::Lane* lane : deps_.lanes) lane->Forget(weights.get());
  }
  leaving.evicted.clear();
  for (const Departure& departure : leaving.departures) have_run_.erase(departure.version);
  if (have_run_.empty() && !leaving.departures.empty()) ReleaseArenas();
  for (Departure& departure : leaving.departures) departure.released();
}

void DeviceScheduler::ReleaseArenas() {
  for (plan::Lane* lane : deps_.lanes) lane->ReleaseMemory();
}

std::vector<Pending> DeviceScheduler::TakeWaiting(Queue& queue) {
  std::vector<Pending> waiting = queue.scheduler->TakeAll();
  queue.version->metrics().pending.Add(-static_cast<std::int64_t>(waiting.size()));
  return waiting;
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

void DeviceScheduler::OnRefused(const model::Residence* residence, const base::Status& status) {
  std::vector<Pending> waiting;
  {
    base::MutexLock lock(mutex_);
    const auto it = std::ranges::find_if(queues_, [residence](const auto& entry) {
      return &entry.second.version->residence() == residence;
    });
    if (it == queues_.end()) return;
    waiting = TakeWaiting(it->second);
    active_.erase(it->first);
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
  Status status;
  {
    base::MutexLock lock(mutex_);
    const auto it = queues_.find(pending.request.model.get());
    if (stopping_) {
      status = Draining();
    } else if (it == queues_.end()) {
      status = Gone(*pending.request.model);
    } else {
      telemetry::ModelMetrics& metrics = pending.request.model->metrics();
      status = it->second.scheduler->Enqueue(pending);
      if (status.ok()) {
        metrics.pending.Add(1);
        active_.insert(it->first);
        Notify();
      }
    }
  }
  if (!status.ok()) Refuse(std::move(pending), std::move(status));
}

void DeviceScheduler::Notify() {
  signalled_ = true;
  wake_.NotifyOne();
}

bool DeviceScheduler::AnyLaneFree() const {
  return std::ranges::any_of(
      deps_.lanes, [](const plan::Lane* lane) { return lane->in_flight() < plan::Lane::kMaxRuns; });
}

plan::Lane* DeviceScheduler::LaneFor(const plan::ExecutionPlan& plan) const {
  const auto it = std::ranges::find_if(
      deps_.lanes, [&plan](const plan::Lane* lane) { return lane->CanTake(plan); });
  return it == deps_.lanes.end() ? nullptr : *it;
}

std::vector<DeviceScheduler::Queue*> DeviceScheduler::InOrder(base::TimePoint now) {
  std::vector<Queue*> queues;
  std::vector<WaitingModel> models;
  for (const model::ModelVersion* version : active_) {
    Queue& queue = queues_.at(version);
    queues.push_back(&queue);
    models.push_back({Seconds(now - queue.scheduler->oldest()), queue.exec_seconds,
                      deps_.residency->RestoreSeconds(*version)});
  }
  std::vector<Queue*> ordered;
  for (const std::size_t i : OrderModels(models)) ordered.push_back(queues[i]);
  // A batch that waits on the lane for its weights holds up whom it need not: such models come last
  // unless the weights will be there by the time they are read.
  const auto ready = [&](const Queue* queue) {
    return deps_.residency->RestoreSeconds(*queue->version) <= queue->exec_seconds;
  };
  std::ranges::stable_partition(ordered, ready);
  const auto current =
      std::ranges::find(ordered, current_, [](const Queue* queue) { return queue->version; });
  if (served_ < kExhaustive && current != ordered.end() && ready(*current)) {
    std::rotate(ordered.begin(), current, current + 1);
  }
  return ordered;
}

std::optional<Batch> DeviceScheduler::NextBatch(Search& search) {
  if (active_.empty()) return std::nullopt;
  for (Queue* const queue : InOrder(search.now)) {
    const model::ModelVersion* const version = queue->version;
    std::optional<Batch> batch = BatchOf(*queue, search);
    if (queue->scheduler->queued() == 0) active_.erase(version);
    if (!batch) continue;
    if (std::exchange(current_, version) != version) served_ = 0;
    served_ += static_cast<int>(batch->requests.size());
    return batch;
  }
  return std::nullopt;
}

void DeviceScheduler::Expire(Queue& queue, Decision& decision, Search& search) {
  for (auto& item : decision.expired) {
    queue.version->metrics().pending.Add(-1);
    search.expired.push_back(std::move(item));
  }
  if (decision.wake_at) search.WakeAt(*decision.wake_at);
}

std::optional<Batch> DeviceScheduler::BatchOf(Queue& queue, Search& search) {
  if (queue.scheduler->queued() == 0) return std::nullopt;
  auto weights = deps_.residency->TryPin(*queue.version);
  if (!weights) {
    AwaitResidency(queue, search);
    return std::nullopt;
  }
  if (!queue.absent_until) queue.absent_until = search.now;
  Decision decision = queue.scheduler->Next(search.now);
  Expire(queue, decision, search);
  if (decision.requests.empty()) return std::nullopt;
  for (const Pending& pending : decision.requests) NoteAbsence(queue, pending);
  Batch batch{model::ResidencyPin(decision.requests.front().request.model, std::move(*weights)),
              std::move(decision.requests), 0};
  for (const Pending& pending : batch.requests) batch.rows += pending.request.rows;
  const auto requests = static_cast<std::int64_t>(batch.requests.size());
  queue.version->metrics().pending.Add(-requests);
  queue.version->metrics().running.Add(requests);
  deps_.residency->CountUse(*queue.version, requests);
  return batch;
}

void DeviceScheduler::NoteAbsence(const Queue& queue, const Pending& pending) {
  if (!queue.absent_since || pending.enqueued >= *queue.absent_until) return;
  const base::TimePoint since = std::max(*queue.absent_since, pending.enqueued);
  queue.version->metrics().ObserveWait(telemetry::Wait::kResidency,
                                       Seconds(*queue.absent_until - since));
}

void DeviceScheduler::AwaitResidency(Queue& queue, Search& search) {
  if (!queue.absent_since || queue.absent_until) queue.absent_since = search.now;
  queue.absent_until.reset();
  const base::Duration limit = deps_.residency->restore_timeout();
  Decision decision = queue.scheduler->Expire(search.now);
  for (Pending& pending : queue.scheduler->TakeOlder(search.now - limit)) {
    decision.expired.emplace_back(std::move(pending), NotResident(*queue.version));
  }
  queue.absent_until = search.now;  // those who give up here have waited until now
  for (const auto& item : decision.expired) NoteAbsence(queue, item.first);
  queue.absent_until.reset();
  Expire(queue, decision, search);
  const bool waits = queue.scheduler->queued() > 0;
  const base::TimePoint oldest = queue.scheduler->oldest();
  deps_.residency->Want(*queue.version, waits ? std::optional(oldest) : std::nullopt);
  if (waits) search.WakeAt(oldest + limit + base::Duration(1));
}

std::optional<Batch> DeviceScheduler::TakeAlone() {
  std::optional<Batch> batch(std::move(alone_.front()));
  alone_.pop_front();
  return batch;
}

void DeviceScheduler::Prepare(Batch batch) {
  auto shapes = PlanShapes(batch);
  if (!shapes.ok()) {
    return FailBatch(std::move(batch), std::move(shapes).status(), *deps_.clock);
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
    if (!ok) FailBatch(std::move(batch), plan.CloneStatus(), *deps_.clock);
    base::MutexLock lock(mutex_);
    --ordered_;
    if (ok) prepared_.push_back({std::move(batch), std::move(plan).value()});
    Notify();
  });
}

/// In order; while one waits for an arena, whatever the lane can take.
std::optional<DeviceScheduler::Prepared> DeviceScheduler::TakePrepared(plan::Lane*& lane) {
  for (auto it = prepared_.begin(); it != prepared_.end(); ++it) {
    lane = LaneFor(*it->plan);
    if (lane == nullptr && awaiting_.empty()) return std::nullopt;
    if (lane == nullptr) continue;
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
  const std::uint64_t missing = lane.MissingArena(*prepared.plan);
  if (missing == 0) return Start(std::move(prepared), lane);
  const model::ModelHandle version = prepared.batch.pin.version();
  std::uint64_t number = 0;
  {
    base::MutexLock lock(mutex_);
    number = ++asked_;
    awaiting_.push_back({std::move(prepared), &lane, number, std::nullopt});
  }
  deps_.residency->WantArena(
      *version, missing, [this, number](base::StatusOr<plan::ArenaPlace> arena) {
        base::MutexLock lock(mutex_);
        std::ranges::find(awaiting_, number, &Awaiting::number)->arena = std::move(arena);
        Notify();
      });
}

void DeviceScheduler::Resume(Awaiting awaiting) {
  if (!awaiting.arena->ok()) {
    return FailBatch(std::move(awaiting.prepared.batch), std::move(*awaiting.arena).status(),
                     *deps_.clock);
  }
  // Another one's may be large enough by now.
  if (awaiting.lane->MissingArena(*awaiting.prepared.plan) > 0) {
    awaiting.lane->GiveArena(std::move(*awaiting.arena).value());
  }
  Start(std::move(awaiting.prepared), *awaiting.lane);
}

void DeviceScheduler::Start(Prepared prepared, plan::Lane& lane) {
  const base::TimePoint started = deps_.clock->Now();
  have_run_.insert(prepared.batch.pin.version().get());
  auto batch = std::make_shared<Batch>(std::move(prepared.batch));
  plan::RunRequest run;
  run.plan = std::move(prepared.plan);
  run.weights = batch->pin.weights_ptr();
  run.inputs = RunInputs(*batch);
  run.rows = batch->pin->config().batched() ? batch->rows : 1;
  run.done = [this, batch, started](plan::RunResult result) {
    Complete(std::move(*batch), std::move(result), started);
    Finished();
  };
  {
    base::MutexLock lock(mutex_);
    ++running_;
  }
  Status status = lane.Submit(run);
  if (status.ok()) return;
  FailBatch(std::move(*batch), status, *deps_.clock);
  Finished();
}

void DeviceScheduler::Complete(Batch batch, plan::RunResult result, base::TimePoint started) {
  busy_ns_.fetch_add(result.input_ns + result.infer_ns + result.output_ns);
  NoteTime(*batch.pin.version(), result);
  const bool somebodys_fault = result.status.code() == base::StatusCode::kInvalidArgument;
  if (somebodys_fault && batch.requests.size() > 1) return RunAlone(std::move(batch));
  CompleteBatch(std::move(batch), std::move(result), started, *deps_.clock);
}

void DeviceScheduler::NoteTime(const model::ModelVersion& version, const plan::RunResult& result) {
  constexpr double kNewest = 0.2;
  const double seconds =
      static_cast<double>(result.input_ns + result.infer_ns + result.output_ns) * 1e-9;
  base::MutexLock lock(mutex_);
  const auto it = queues_.find(&version);
  if (it == queues_.end() || !result.status.ok()) return;
  double& known = it->second.exec_seconds;
  known = known == 0 ? seconds : known + kNewest * (seconds - known);
}

void DeviceScheduler::RunAlone(Batch batch) {
  base::MutexLock lock(mutex_);
  for (Pending& pending : batch.requests) {
    Batch& alone = alone_.emplace_back(Batch{batch.pin, {}, pending.request.rows});
    alone.requests.push_back(std::move(pending));
  }
}

void DeviceScheduler::Finished() {
  base::MutexLock lock(mutex_);
  --running_;
  Notify();
}

bool DeviceScheduler::Idle() const {
  return prepared_.empty() && awaiting_.empty() && alone_.empty() && ordered_ == 0 && running_ == 0;
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

DeviceScheduler::Turn DeviceScheduler::ChooseTurn() {
  Turn turn;
  turn.search.now = deps_.clock->Now();
  turn.leaving = std::exchange(leaving_, {});
  // Runs are in them: when the last has ended.
  turn.release = running_ == 0 && std::exchange(arenas_wanted_back_, false);
  turn.answered = TakeAnswered();
  if (turn.answered) return turn;  // before anything else uses the lane
  if (!prepared_.empty()) {
    turn.start = TakePrepared(turn.lane);
  } else if (awaiting_.empty() && AnyLaneFree()) {
    turn.batch = alone_.empty() ? NextBatch(turn.search) : TakeAlone();
  }
  return turn;
}

void DeviceScheduler::Do(Turn turn) {
  for (auto& [pending, status] : turn.search.expired) {
    Refuse(std::move(pending), std::move(status));
  }
  LetGo(std::move(turn.leaving));
  if (turn.release) ReleaseArenas();
  if (turn.batch) Prepare(std::move(*turn.batch));
  if (turn.start) Begin(std::move(*turn.start), *turn.lane);
  if (turn.answered) Resume(std::move(*turn.answered));
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
    for (auto& [version, queue] : queues_) {
      for (Pending& pending : TakeWaiting(queue)) waiting.push_back(std::move(pending));
    }
    active_.clear();
    Notify();
  }
  for (Pending& pending : waiting) Refuse(std::move(pending), Draining());
}

}  // namespace hadron::serving
