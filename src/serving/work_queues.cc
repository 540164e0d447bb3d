#include "serving/work_queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "serving/held_scheduler.h"
#include "serving/model_choice.h"

namespace hadron::serving {
namespace {

using base::Status;
using base::TimePoint;

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// For every promise that is kept; for one that is not 2000 times as much, which settles where one
/// of so many is not.
constexpr double kTrust = 0.00005;

base::Duration FromSeconds(double seconds) {
  constexpr double kLongest = 365.0 * 24 * 3600;
  return base::Duration(static_cast<std::int64_t>(std::clamp(seconds, 0.0, kLongest) * 1e9));
}

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

Status TooLate(TimePoint now, TimePoint end, TimePoint deadline) {
  const auto ms = [now](TimePoint when) { return std::max(0.0, Seconds(when - now)) * 1e3; };
  return base::Unavailable(
             fmt::format("the request would be answered in about {:.1f} ms, its deadline is in "
                         "{:.1f} ms: too much work waits; try again later or allow more time",
                         ms(end), ms(deadline)),
             base::RefusalCause::kDeadline)
      .WithRetryAfter(end - now);
}

/// A tenant's part of a batch; all parts are 1.
struct Part {
  const tenancy::Tenant* tenant = nullptr;
  double part = 0;
};

/// Everybody in the batch, whose turn it was first.
std::vector<Part> PartsOf(const Batch& batch) {
  std::vector<Part> parts = {{batch.flow.tenant, batch.rows > 0 ? 0.0 : 1.0}};
  for (const Pending& pending : batch.requests) {
    const tenancy::Tenant* const tenant = pending.request.identity.tenant;
    auto part = std::ranges::find(parts, tenant, &Part::tenant);
    if (part == parts.end()) part = parts.insert(parts.end(), Part{tenant, 0});
    if (batch.rows == 0) continue;
    part->part += static_cast<double>(pending.request.rows) / static_cast<double>(batch.rows);
  }
  return parts;
}

}  // namespace

// ---- What there is -----------------------------------------------------------

void WorkQueues::Add(const model::ModelHandle& version) {
  Queue& queue = queues_[version.get()];
  queue.version = version.get();
  queue.scheduler = MakeScheduler(*version);
  queue.times = ExecutionTimes(version->compiled().buckets());
  if (limiter_ != nullptr) limiter_->Add(version.get(), version->config());
}

void WorkQueues::Remove(const model::ModelVersion& version) {
  const auto it = queues_.find(&version);
  if (it == queues_.end()) return;
  HADRON_CHECK(it->second.scheduler->queued() == 0);  // a request has a handle
  queues_.erase(it);
  if (limiter_ != nullptr) limiter_->Remove(&version);
  active_.erase(&version);
  for (auto& [tenant, tenancy] : tenants_) {
    if (tenancy.current == &version) tenancy.current = nullptr;
  }
}

const model::ModelVersion* WorkQueues::Find(const model::Residence* residence) const {
  const auto it = std::ranges::find_if(
      queues_, [residence](const auto& entry) { return &entry.first->residence() == residence; });
  return it == queues_.end() ? nullptr : it->first;
}

void WorkQueues::Came(const Pending& pending) {
  Tenancy& tenancy = tenants_[pending.request.identity.tenant];
  ++tenancy.requests;
  tenancy.seconds[static_cast<std::size_t>(pending.request.work_class)] += pending.expected;
  shares_.Enter(pending.request.identity.tenant);
  pending.request.model->metrics().pending.Add(1);
}

void WorkQueues::Went(const Pending& pending) {
  Tenancy& tenancy = tenants_[pending.request.identity.tenant];
  --tenancy.requests;
  double& seconds = tenancy.seconds[static_cast<std::size_t>(pending.request.work_class)];
  seconds = std::max(0.0, seconds - pending.expected);
  pending.request.model->metrics().pending.Add(-1);
  if (tenancy.requests > 0) return;
  tenancy.seconds = {};
  shares_.Leave(pending.request.identity.tenant);
}

// ---- The door ------------------------------------------------------------------

double WorkQueues::ExpectedOf(const Queue& queue, std::int64_t rows) const {
  // Of a request that shares a batch: its part of the batch that it would be in.
  const std::int64_t most = std::max<std::int64_t>(1, queue.version->config().max_batch_size());
  const auto waiting = static_cast<std::int64_t>(queue.scheduler->queued());
  std::int64_t together = std::clamp(waiting + rows, rows, std::max(rows, most));
  if (together == rows) return queue.times.Expected(rows);
  together = queue.times.Padded(together);  // batches leave no more places empty than they must
  return queue.times.Expected(together) * static_cast<double>(rows) / static_cast<double>(together);
}

double WorkQueues::Expected(const InferenceRequest& request) const {
  const auto it = queues_.find(request.model.get());
  return it == queues_.end() ? 0 : ExpectedOf(it->second, request.rows);
}

TimePoint WorkQueues::Predict(const Queue& queue, const Pending& pending, TimePoint now,
                              TimePoint free_at) const {
  const Flow flow = pending.flow();
  double own = 0;
  double all = 0;
  for (const auto& [tenant, tenancy] : tenants_) {
    double seconds = tenancy.seconds[0];
    if (!flow.interactive()) seconds += tenancy.seconds[1];
    all += seconds;
    if (tenant == flow.tenant) own = seconds;
  }
  // Nobody waits for more than all there is, nor longer than its share of the device needs.
  const double weight = flow.tenant == nullptr ? 1.0 : flow.tenant->weight();
  const double ahead = std::min(all, own * shares_.ActiveWeight(flow.tenant) / weight);
  const double restore = residency_.RestoreSeconds(*queue.version);
  return std::max(std::max(now, free_at) + FromSeconds(ahead), now + FromSeconds(restore));
}

Status WorkQueues::CheckDeadline(const Queue& queue, const Pending& pending, TimePoint start_by,
                                 TimePoint now, TimePoint free_at) {
  const TimePoint end_by = pending.request.deadline;
  if (start_by == TimePoint::max() && end_by == TimePoint::max()) return {};
  const TimePoint begin = Predict(queue, pending, now, free_at);
  const TimePoint end = begin + FromSeconds(queue.times.Expected(pending.request.rows));
  if (begin >= start_by) return TooLate(now, begin, start_by);
  if (end_by == TimePoint::max()) return {};
  const double patience = Seconds(end_by - now);
  if (Seconds(end - now) <= patience * (1 - caution_)) return {};
  // Nobody would ever be let in again if only kept promises made for less caution.
  caution_ = std::max(0.0, caution_ - kTrust);
  return TooLate(now, end, end_by);
}

Status WorkQueues::CheckResidentLimit(const Queue& queue, const Pending& pending) const {
  tenancy::Tenant* const tenant = pending.request.identity.tenant;
  const std::uint64_t most = tenant == nullptr ? 0 : tenant->max_resident_bytes();
  if (most == 0) return {};
  const std::uint64_t bytes = residency_.BytesAlone(*queue.version);
  if (bytes <= most) return {};
  return tenant->RefuseResident(queue.version->name(), bytes);
}

Status WorkQueues::WhyAbsent(const Queue& queue, const Pending& pending) const {
  tenancy::Tenant* const tenant = pending.request.identity.tenant;
  if (tenant == nullptr || !residency_.HeldBack(*queue.version, tenant)) {
    return NotResident(*queue.version);
  }
  return tenant->RefuseResident(queue.version->name(), 0);
}

void WorkQueues::NotePromise(const Pending& pending, TimePoint now) {
  constexpr double kDistrust = 0.1;
  if (pending.request.deadline == TimePoint::max()) return;
  const bool kept = now <= pending.request.deadline;
  caution_ = std::clamp(kept ? caution_ - kTrust : caution_ + kDistrust, 0.0, 0.9);
}

Status WorkQueues::Enqueue(Pending& pending, TimePoint now, TimePoint free_at) {
  const auto it = queues_.find(pending.request.model.get());
  if (it == queues_.end()) return Gone(*pending.request.model);
  Queue& queue = it->second;
  HADRON_RETURN_IF_ERROR(CheckResidentLimit(queue, pending));
  const TimePoint start_by = queue.scheduler->MustStartBy(pending);
  HADRON_RETURN_IF_ERROR(CheckDeadline(queue, pending, start_by, now, free_at));
  pending.expected = ExpectedOf(queue, pending.request.rows);
  queue.arrivals.Note(static_cast<double>(pending.request.rows), now);
  Came(pending);
  Status status = queue.scheduler->Enqueue(pending);
  if (!status.ok()) {
    Went(pending);
    return status;
  }
  active_.insert(it->first);
  expire_at_ = std::min(expire_at_, start_by);
  return {};
}

Status WorkQueues::EnqueueKnown(Pending& pending) {
  const auto it = queues_.find(pending.request.model.get());
  if (it == queues_.end()) return Gone(*pending.request.model);
  pending.done = it->second.scheduler->InOrder(std::move(pending.done));
  return {};
}

// ---- Who is next ---------------------------------------------------------------

std::vector<WorkQueues::FlowWork> WorkQueues::Works() {
  std::vector<FlowWork> works;
  for (const model::ModelVersion* version : active_) {
    Queue& queue = queues_.at(version);
    for (const FlowState& state : queue.scheduler->Flows()) {
      auto work = std::ranges::find(works, state.flow, &FlowWork::flow);
      if (work == works.end())
        work = works.insert(works.end(), FlowWork{state.flow, {}, base::TimePoint::max()});
      work->queues.emplace_back(&queue, state.oldest);
      work->oldest = std::min(work->oldest, state.oldest);
    }
  }
  // Among equals who has waited longest.
  std::ranges::stable_sort(works, {}, &FlowWork::oldest);
  return works;
}

std::vector<model::ResidencyManager::Claim> WorkQueues::Claims() {
  const std::vector<FlowWork> works = Works();
  std::vector<Flow> flows;
  for (const FlowWork& work : works) flows.push_back(work.flow);
  std::vector<model::ResidencyManager::Claim> claims;
  std::size_t turn = 0;
  for (const Flow& flow : shares_.Order(std::move(flows))) {
    const std::uint64_t most = flow.tenant == nullptr ? 0 : flow.tenant->max_resident_bytes();
    for (const auto& [queue, oldest] : std::ranges::find(works, flow, &FlowWork::flow)->queues) {
      claims.push_back({&queue->version->residence(), turn, oldest, flow.tenant, most});
    }
    ++turn;
  }
  return claims;
}

std::vector<WorkQueues::Queue*> WorkQueues::OrderOf(const FlowWork& work, TimePoint now) {
  std::vector<WaitingModel> models;
  for (const auto& [queue, oldest] : work.queues) {
    const auto rows = std::max<std::int64_t>(1, queue->version->config().max_batch_size());
    models.push_back({Seconds(now - oldest), queue->times.Expected(rows),
                      residency_.RestoreSeconds(*queue->version)});
  }
  std::vector<Queue*> ordered;
  // A batch that waits on the lane for its weights holds up whom it need not: such models come last
  // unless the weights will be there by the time they are read.
  std::vector<Queue*> late;
  const auto ready = [](const WaitingModel& model) {
    return model.restore_seconds <= model.exec_seconds;
  };
  const Tenancy& tenancy = tenants_[work.flow.tenant];
  for (const std::size_t i : OrderModels(models)) {
    Queue* const queue = work.queues[i].first;
    const bool goes_on = queue->version == tenancy.current && tenancy.served < kExhaustive;
    if (!ready(models[i])) {
      late.push_back(queue);
    } else if (goes_on) {
      ordered.insert(ordered.begin(), queue);
    } else {
      ordered.push_back(queue);
    }
  }
  ordered.insert(ordered.end(), late.begin(), late.end());
  if (limiter_ != nullptr) {
    std::ranges::stable_sort(
        ordered, {}, [this](const Queue* queue) { return limiter_->Score(queue->version); });
  }
  return ordered;
}

std::optional<Batch> WorkQueues::Next(const Wish& wish, Search& search) {
  if (active_.empty()) return std::nullopt;
  std::vector<FlowWork> works = Works();
  std::vector<Flow> flows;
  for (const FlowWork& work : works) flows.push_back(work.flow);
  const std::vector<Flow> order = shares_.Order(std::move(flows));
  for (const Flow& flow : order) {
    const bool urgent = flow.interactive() && shares_.InsideShare(flow.tenant);
    const bool before = wish.below && shares_.tag(flow.tenant) < *wish.below;
    if (wish.urgent_only && !urgent && !before) continue;
    // Batch work rides with batch work only: it would make others' answers late.
    std::vector<Flow> members = {flow};
    for (const Flow& other : order) {
      if (other != flow && (other.interactive() || !flow.interactive())) members.push_back(other);
    }
    const auto work = std::ranges::find(works, flow, &FlowWork::flow);
    if (auto batch = NextOf(*work, members, wish, search)) return batch;
  }
  return std::nullopt;
}

std::optional<Batch> WorkQueues::NextOf(const FlowWork& work, std::span<const Flow> members,
                                        const Wish& wish, Search& search) {
  const bool room = work.flow.interactive() ? wish.interactive : wish.batch;
  for (Queue* const queue : OrderOf(work, search.now)) {
    const model::ModelVersion* const version = queue->version;
    if (!room) {
      // Its weights may come meanwhile.
      if (!residency_.TryPin(*version)) AwaitResidency(*queue, search);
      if (queue->scheduler->queued() == 0) active_.erase(version);
      continue;
    }
    std::optional<Batch> batch = BatchOf(*queue, members, wish, search);
    if (queue->scheduler->queued() == 0) active_.erase(version);
    if (!batch) continue;
    Tenancy& tenancy = tenants_[work.flow.tenant];
    if (std::exchange(tenancy.current, version) != version) tenancy.served = 0;
    tenancy.served += batch->requests.size();
    return batch;
  }
  return std::nullopt;
}

std::optional<Batch> WorkQueues::BatchOf(Queue& queue, std::span<const Flow> members,
                                         const Wish& wish, Search& search) {
  if (queue.scheduler->queued() == 0) return std::nullopt;
  auto weights = residency_.TryPin(*queue.version);
  if (!weights) {
    AwaitResidency(queue, search);
    return std::nullopt;
  }
  if (!queue.absent_until) queue.absent_until = search.now;
  if (!MayStart(*queue.version)) return std::nullopt;  // others may; a run that ends asks again
  Terms terms;
  terms.order = members;
  terms.only_full = wish.only_full;
  terms.times = &queue.times;
  terms.tuning = TuneBatch({&queue.times, queue.arrivals.PerSecond(search.now),
                            busy_.PerSecond(search.now), queue.version->config().max_batch_size()});
  Decision decision = queue.scheduler->Next(search.now, terms);
  Expire(decision, search);
  if (decision.requests.empty()) return std::nullopt;
  return Form(queue, members.front(), std::move(*weights), std::move(decision.requests));
}

Batch WorkQueues::Form(Queue& queue, const Flow& flow, model::ResidencyPin::Weights weights,
                       std::vector<Pending> requests) {
  for (const Pending& pending : requests) {
    if (pending.null_item) continue;
    NoteAbsence(queue, pending);
    NoteLoad(queue, pending);
    Went(pending);
  }
  Batch batch{model::ResidencyPin(requests.front().request.model, std::move(weights)),
              std::move(requests), 0, flow, 0};
  for (const Pending& pending : batch.requests) batch.rows += pending.request.rows;
  batch.expected = queue.times.Expected(batch.rows);
  const auto count = static_cast<std::int64_t>(CountRequests(batch.requests));
  queue.version->metrics().running.Add(count);
  residency_.CountUse(*queue.version, count);
  Begin(batch);
  return batch;
}

Batch WorkQueues::Alone(const model::ResidencyPin& pin, Pending pending) {
  Batch alone{pin, {}, pending.request.rows, pending.flow(), 0};
  const auto it = queues_.find(pin.version().get());
  if (it != queues_.end()) alone.expected = it->second.times.Expected(alone.rows);
  alone.requests.push_back(std::move(pending));
  Begin(alone);
  return alone;
}

void WorkQueues::Begin(Batch& batch) {
  if (limiter_ != nullptr) batch.lease = limiter_->Start(batch.pin.version().get());
  for (const auto& [tenant, part] : PartsOf(batch)) {
    shares_.Begin(tenant, part * batch.expected, tenant != batch.flow.tenant);
  }
}

void WorkQueues::Settle(const Batch& batch, double seconds, TimePoint now) {
  for (const auto& [tenant, part] : PartsOf(batch)) {
    shares_.Settle(tenant, part * batch.expected, part * seconds);
    const std::uint64_t most = tenant == nullptr ? 0 : tenant->max_resident_bytes();
    residency_.NoteUse(*batch.pin.version(), tenant, most, part * seconds);
  }
  if (limiter_ != nullptr) limiter_->End(batch.pin.version().get(), batch.lease);
  busy_.Note(seconds, now);
  for (const Pending& pending : batch.requests) NotePromise(pending, now);
}

void WorkQueues::NoteTime(const model::ModelVersion& version, std::int64_t rows, double seconds) {
  const auto it = queues_.find(&version);
  if (it != queues_.end()) it->second.times.Note(rows, seconds);
}

void WorkQueues::Ended(const Batch& batch, const plan::RunResult& result, TimePoint now) {
  const auto it = queues_.find(batch.pin.version().get());
  if (it != queues_.end()) it->second.scheduler->Ended(batch.requests, result, now);
}

// ---- Waiting -------------------------------------------------------------------

void WorkQueues::ExpireDue(Search& search) {
  constexpr std::chrono::milliseconds kGrain{1};
  if (search.now >= expire_at_) {
    expire_at_ = TimePoint::max();
    const std::set<const model::ModelVersion*> active = active_;
    for (const model::ModelVersion* version : active) {
      Scheduler& scheduler = *queues_.at(version).scheduler;
      Decision decision = scheduler.Expire(search.now);
      if (decision.wake_at) {
        expire_at_ = std::min(expire_at_, std::max(*decision.wake_at, search.now + kGrain));
      }
      decision.wake_at.reset();
      Expire(decision, search);
      if (scheduler.queued() == 0) active_.erase(version);
    }
  }
  if (expire_at_ != TimePoint::max()) search.WakeAt(expire_at_);
}

void WorkQueues::Expire(Decision& decision, Search& search) {
  for (auto& item : decision.expired) {
    Went(item.first);
    search.expired.push_back(std::move(item));
  }
  if (decision.wake_at) search.WakeAt(*decision.wake_at);
}

void WorkQueues::NoteAbsence(const Queue& queue, const Pending& pending) {
  if (!queue.absent_since || pending.enqueued >= *queue.absent_until) return;
  const TimePoint since = std::max(*queue.absent_since, pending.enqueued);
  queue.version->metrics().ObserveWait(telemetry::Wait::kResidency,
                                       Seconds(*queue.absent_until - since));
}

void WorkQueues::NoteLoad(Queue& queue, const Pending& pending) {
  if (queue.brought_for != pending.enqueued) return;
  queue.brought_for.reset();
  if (pending.request.account == nullptr) return;
  tenancy::Usage usage;
  usage.loads = 1;
  pending.request.account->Add(usage);
}

void WorkQueues::AwaitResidency(Queue& queue, Search& search) {
  if (!queue.absent_since || queue.absent_until) queue.absent_since = search.now;
  queue.absent_until.reset();
  const base::Duration limit = residency_.restore_timeout();
  Decision decision = queue.scheduler->Expire(search.now);
  for (Pending& pending : queue.scheduler->TakeOlder(search.now - limit)) {
    Status why = WhyAbsent(queue, pending);
    decision.expired.emplace_back(std::move(pending), std::move(why));
  }
  queue.absent_until = search.now;  // those who give up here have waited until now
  for (const auto& item : decision.expired) NoteAbsence(queue, item.first);
  queue.absent_until.reset();
  Expire(decision, search);
  const bool waits = queue.scheduler->queued() > 0;
  const TimePoint oldest = queue.scheduler->oldest();
  queue.brought_for = waits ? std::optional(oldest) : std::nullopt;
  residency_.Want(*queue.version, waits ? std::optional(oldest) : std::nullopt);
  if (waits) search.WakeAt(oldest + limit + base::Duration(1));
}

std::vector<tenancy::KeptBytes> WorkQueues::Kept() const {
  std::vector<tenancy::KeptBytes> kept;
  for (const auto& [version, queue] : queues_) queue.scheduler->AddKept(kept);
  return kept;
}

std::vector<Pending> WorkQueues::TakeWaiting(Queue& queue) {
  std::vector<Pending> waiting = queue.scheduler->TakeAll();
  for (const Pending& pending : waiting) Went(pending);
  active_.erase(queue.version);
  return waiting;
}

std::vector<Pending> WorkQueues::TakeWaiting(const model::ModelVersion& version) {
  return TakeWaiting(queues_.at(&version));
}

std::vector<Pending> WorkQueues::TakeWaiting() {
  std::vector<Pending> waiting;
  for (auto& [version, queue] : queues_) {
    for (Pending& pending : TakeWaiting(queue)) waiting.push_back(std::move(pending));
  }
  return waiting;
}

}  // namespace hadron::serving
