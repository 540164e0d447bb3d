#include "serving/device_scheduler.h"

#include <algorithm>
#include <utility>

#include "serving/batch_run.h"
#include "serving/dynamic_batcher.h"

namespace hadron::serving {
namespace {

using base::Status;

Status Draining() { return base::Unavailable("Server exiting", base::RefusalCause::kDraining); }

Status Gone(const model::ModelVersion& version) {
  return base::NotFound("Request for unknown model: '" + version.name() +
                        "' has no available versions");
}

}  // namespace

DeviceScheduler::DeviceScheduler(Dependencies dependencies) : deps_(std::move(dependencies)) {}

DeviceScheduler::~DeviceScheduler() = default;

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
  }
  departures_.push_back({version.weights().get(), std::move(released)});
  Notify();
}

void DeviceScheduler::Depart(std::vector<Departure> departures) {
  for (Departure& departure : departures) {
    for (plan::Lane* lane : deps_.lanes) lane->Forget(departure.weights);
    departure.released();
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

std::optional<Batch> DeviceScheduler::NextBatch(std::optional<base::TimePoint>& wake_at,
                                                Expired& expired) {
  // Round robin over the models that have work, from the one after the last served.
  auto it = queues_.upper_bound(last_served_);
  for (std::size_t tried = 0; tried < queues_.size(); ++tried, ++it) {
    if (it == queues_.end()) it = queues_.begin();
    Queue& queue = it->second;
    if (queue.scheduler->queued() == 0) continue;
    Decision decision = queue.scheduler->Next(deps_.clock->Now());
    for (auto& item : decision.expired) {
      queue.version->metrics().pending.Add(-1);
      expired.push_back(std::move(item));
    }
    if (decision.wake_at)
      wake_at = std::min(wake_at.value_or(*decision.wake_at), *decision.wake_at);
    if (decision.requests.empty()) continue;
    last_served_ = it->first;
    Batch batch{model::ResidencyPin(decision.requests.front().request.model),
                std::move(decision.requests), 0};
    for (const Pending& pending : batch.requests) batch.rows += pending.request.rows;
    queue.version->metrics().pending.Add(-static_cast<std::int64_t>(batch.requests.size()));
    return batch;
  }
  return std::nullopt;
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

void DeviceScheduler::Start(Prepared prepared, plan::Lane& lane) {
  const base::TimePoint started = deps_.clock->Now();
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
  const bool somebodys_fault = result.status.code() == base::StatusCode::kInvalidArgument;
  if (somebodys_fault && batch.requests.size() > 1) return RunAlone(std::move(batch));
  CompleteBatch(std::move(batch), std::move(result), started, *deps_.clock);
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
  return prepared_.empty() && alone_.empty() && ordered_ == 0 && running_ == 0;
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

bool DeviceScheduler::Step() {
  std::optional<base::TimePoint> wake_at;
  Expired expired;
  std::optional<Prepared> start;
  std::optional<Batch> batch;
  std::vector<Departure> departures = std::exchange(departures_, {});
  plan::Lane* lane = nullptr;
  if (!prepared_.empty()) {
    lane = LaneFor(*prepared_.front().plan);
    if (lane != nullptr) {
      start = std::move(prepared_.front());
      prepared_.pop_front();
    }
  } else if (AnyLaneFree()) {
    batch = alone_.empty() ? NextBatch(wake_at, expired) : TakeAlone();
  }
  if (!start && !batch && expired.empty() && departures.empty()) return Rest(wake_at);
  // Everything below may call back into this object or take its time: not under the lock.
  mutex_.Unlock();
  for (auto& [pending, status] : expired) Refuse(std::move(pending), std::move(status));
  Depart(std::move(departures));
  if (batch) Prepare(std::move(*batch));
  if (start) Start(std::move(*start), *lane);
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
      for (Pending& pending : queue.scheduler->TakeAll()) waiting.push_back(std::move(pending));
    }
    Notify();
  }
  for (Pending& pending : waiting) Refuse(std::move(pending), Draining());
}

}  // namespace hadron::serving
