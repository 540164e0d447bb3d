#include "serving/sequence_batcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace hadron::serving {
namespace {

using base::Status;
using base::TimePoint;
using tensor::HostTensor;

Status NotOneRow(const std::string& model) {
  return base::InvalidArgument(
      fmt::format("inference request to model '{}' must specify batch-size 1 due to requirements "
                  "of sequence batcher",
                  model));
}

Status WithoutId(const std::string& model) {
  return base::InvalidArgument(fmt::format(
      "inference request to model '{}' must specify a non-zero or non-empty correlation ID",
      model));
}

Status WithoutStart(const SequenceId& id, const std::string& model) {
  return base::InvalidArgument(
      fmt::format("inference request for sequence {} to model '{}' must specify the START flag on "
                  "the first request of the sequence",
                  ToString(id), model));
}

/// Of ragged inputs the shapes may differ.
bool SameItems(const config::ModelConfig& config, const std::vector<HostTensor>& a,
               const std::vector<HostTensor>& b) {
  return std::ranges::equal(a, b, [&config](const HostTensor& x, const HostTensor& y) {
    if (x.desc.name != y.desc.name) return false;
    const config::IoConfig* const io = config.FindInput(x.desc.name);
    return (io != nullptr && io->ragged) || x.desc.shape == y.desc.shape;
  });
}

std::int64_t InstancesOf(const config::ModelConfig& config) {
  std::int64_t instances = 0;
  for (const config::InstanceGroup& group : config.instance_groups()) {
    const auto devices = std::max<std::int64_t>(1, static_cast<std::int64_t>(group.gpus.size()));
    if (!group.passive) instances += std::max<std::int64_t>(1, group.count) * devices;
  }
  return std::max<std::int64_t>(1, instances);
}

}  // namespace

SequenceBatcher::SequenceBatcher(std::shared_ptr<const config::ModelConfig> config,
                                 SequenceInputs inputs)
    : config_(std::move(config)),
      rules_(*config_->sequence_batching()),
      inputs_(std::move(inputs)),
      max_rows_(std::max<std::int64_t>(1, config_->max_batch_size())),
      direct_(rules_.strategy == config::SequenceBatching::Strategy::kDirect),
      slots_(direct_ ? max_rows_ : std::max<std::int64_t>(1, rules_.max_candidates)),
      instances_(InstancesOf(*config_)),
      order_(rules_.preserve_ordering ? std::make_shared<OrderedAnswers>() : nullptr) {}

// ---- Sequences -----------------------------------------------------------------

std::optional<SequenceBatcher::Slot> SequenceBatcher::FreeSlot() const {
  Slot free;
  for (const auto& [slot, number] : placed_) {
    if (free < slot) break;
    free = slot.instance + 1 < instances_ ? Slot{slot.number, slot.instance + 1}
                                          : Slot{slot.number + 1, 0};
  }
  return free.number < slots_ ? std::optional(free) : std::nullopt;
}

TimePoint SequenceBatcher::DeadlineOf(const Pending& pending) const {
  if (pending.request.timeout_us == 0) return TimePoint::max();
  // A year is more than any queue lasts and keeps the sum inside the clock's range.
  constexpr std::uint64_t kMaxUs = 365ULL * 24 * 3600 * 1'000'000;
  return pending.enqueued + std::chrono::microseconds(std::min(pending.request.timeout_us, kMaxUs));
}

/// Requests of sequences that have a slot have all the time there is.
TimePoint SequenceBatcher::MustStartBy(const Pending& pending) const {
  if (pending.request.timeout_us == 0) return TimePoint::max();
  const SequenceMark mark = ReadSequenceMark(pending.request);
  const auto open = open_.find({pending.request.identity.tenant, mark.id});
  const bool waits = open != open_.end() ? !sequences_.at(open->second).slot : !FreeSlot();
  return waits ? DeadlineOf(pending) : TimePoint::max();
}

SequenceBatcher::Sequence& SequenceBatcher::Begin(const Pending& pending, const Key& key) {
  const std::uint64_t number = next_number_++;
  Sequence& sequence = sequences_[number];
  sequence.number = number;
  sequence.key = key;
  sequence.idle_since = pending.enqueued;
  sequence.slot = FreeSlot();
  if (sequence.slot) {
    placed_[*sequence.slot] = number;
  } else {
    backlog_.insert(number);
  }
  open_[key] = number;
  return sequence;
}

Status SequenceBatcher::Enqueue(Pending& pending) {
  const InferenceRequest& request = pending.request;
  if (request.rows != 1) return NotOneRow(config_->name());
  const SequenceMark mark = ReadSequenceMark(request);
  if (!mark.named()) return WithoutId(config_->name());
  HADRON_RETURN_IF_ERROR(inputs_.CheckId(mark));
  EraseIdle(pending.enqueued);
  const Key key{request.identity.tenant, mark.id};
  const auto known = open_.find(key);
  if (known == open_.end() && !mark.start) return WithoutStart(mark.id, config_->name());
  // A START in the midst begins a new sequence in the place of the old one: its state is new, too.
  Sequence& sequence = known == open_.end() ? Begin(pending, key) : sequences_.at(known->second);
  if (mark.end) Forget(sequence);
  sequence.open = !mark.end;
  sequence.idle_since = pending.enqueued;
  pending.sequence = sequence.number;
  pending.deadline = DeadlineOf(pending);
  sequence.waiting.push_back(std::move(pending));
  ++queued_;
  MakeReady(sequence);
  return {};
}

void SequenceBatcher::MakeReady(Sequence& sequence) {
  // Not earlier: a sequence without a slot waits for others, which must not wait for its answer.
  if (order_ == nullptr || !sequence.ready() || sequence.in_order) return;
  Pending& first = sequence.waiting.front();
  first.done = order_->Wrap(std::move(first.done));
  sequence.in_order = true;
}

void SequenceBatcher::Forget(const Sequence& sequence) {
  const auto open = open_.find(sequence.key);
  if (open != open_.end() && open->second == sequence.number) open_.erase(open);
}

void SequenceBatcher::Erase(Sequence& sequence) {
  Forget(sequence);
  const std::optional<Slot> slot = sequence.slot;
  backlog_.erase(sequence.number);
  if (slot) placed_.erase(*slot);
  sequences_.erase(sequence.number);
  if (!slot || backlog_.empty()) return;
  Sequence& next = sequences_.at(*backlog_.begin());
  backlog_.erase(backlog_.begin());
  next.slot = slot;
  placed_[*slot] = next.number;
  MakeReady(next);
}

void SequenceBatcher::EraseIfOver(Sequence& sequence) {
  if (!sequence.running && !sequence.open && sequence.waiting.empty()) Erase(sequence);
}

std::deque<Pending> SequenceBatcher::Drop(Sequence& sequence) {
  std::deque<Pending> waiting = std::exchange(sequence.waiting, {});
  queued_ -= waiting.size();
  Forget(sequence);
  sequence.open = false;
  EraseIfOver(sequence);
  return waiting;
}

// ---- What is over ----------------------------------------------------------------

void SequenceBatcher::DropCancelled(Decision& decision) {
  std::vector<Sequence*> cancelled;
  for (auto& [number, sequence] : sequences_) {
    const bool gone = !sequence.waiting.empty() && sequence.waiting.front().request.IsCancelled();
    if (gone) cancelled.push_back(&sequence);
  }
  for (Sequence* sequence : cancelled) {
    std::deque<Pending> dropped = Drop(*sequence);
    for (Pending& pending : dropped) {
      const bool own = pending.request.IsCancelled();
      decision.expired.emplace_back(
          std::move(pending),
          base::Cancelled(own ? "the client cancelled the request"
                              : "the client cancelled an earlier request of the sequence"));
    }
  }
}

void SequenceBatcher::DropLate(TimePoint now, Decision& decision) {
  std::vector<Sequence*> late;
  for (const std::uint64_t number : backlog_) {
    Sequence& sequence = sequences_.at(number);
    const auto is_late = [now](const Pending& pending) { return pending.deadline <= now; };
    if (std::ranges::any_of(sequence.waiting, is_late)) late.push_back(&sequence);
  }
  for (Sequence* sequence : late) {
    std::deque<Pending> dropped = Drop(*sequence);
    for (Pending& pending : dropped) {
      decision.expired.emplace_back(
          std::move(pending),
          base::Unavailable("timeout of the corresponding sequence has been expired",
                            base::RefusalCause::kDeadline));
    }
  }
}

void SequenceBatcher::EraseIdle(TimePoint now) {
  if (now < first_idle_) return;
  first_idle_ = TimePoint::max();
  std::vector<Sequence*> idle;
  for (const auto& [slot, number] : placed_) {
    Sequence& sequence = sequences_.at(number);
    if (sequence.running || !sequence.waiting.empty()) continue;
    if (now >= sequence.idle_since + rules_.max_idle) {
      idle.push_back(&sequence);
    } else {
      first_idle_ = std::min(first_idle_, sequence.idle_since + rules_.max_idle);
    }
  }
  for (Sequence* sequence : idle) Erase(*sequence);
}

void SequenceBatcher::Tidy(TimePoint now, Decision& decision) {
  DropCancelled(decision);
  EraseIdle(now);
  DropLate(now, decision);
  if (backlog_.empty()) return;
  TimePoint first = first_idle_;  // then a slot is free
  for (const std::uint64_t number : backlog_) {
    for (const Pending& pending : sequences_.at(number).waiting) {
      first = std::min(first, pending.deadline);
    }
  }
  if (first != TimePoint::max()) decision.wake_at = first;
}

Decision SequenceBatcher::Expire(TimePoint now) {
  Decision decision;
  Tidy(now, decision);
  return decision;
}

// ---- What goes together ----------------------------------------------------------

bool SequenceBatcher::Together(const Sequence& a, const Sequence& b) const {
  if (&a == &b) return true;
  const auto state = [this](const Sequence& sequence) -> const SequenceInputs::State& {
    const bool fresh = ReadSequenceMark(sequence.waiting.front().request).start;
    return fresh ? inputs_.initial_state() : sequence.state;
  };
  return SameItems(*config_, a.waiting.front().request.inputs, b.waiting.front().request.inputs) &&
         SameItems(*config_, state(a), state(b));
}

SequenceBatcher::Items SequenceBatcher::Candidates(const Terms& terms) {
  std::vector<std::pair<std::size_t, Sequence*>> ranked;
  for (const auto& [slot, number] : placed_) {
    Sequence& sequence = sequences_.at(number);
    if (!sequence.ready() || (direct_ && busy_.contains(slot.instance))) continue;
    const auto flow = std::ranges::find(terms.order, sequence.waiting.front().flow());
    if (flow == terms.order.end()) continue;
    ranked.emplace_back(static_cast<std::size_t>(flow - terms.order.begin()), &sequence);
  }
  std::ranges::sort(ranked, {}, [](const auto& item) {
    return std::tuple(item.first, item.second->waiting.front().enqueued, item.second->number);
  });
  Items items;
  // Without a request of whose turn it is there is no batch in his name.
  if (ranked.empty() || ranked.front().first != 0) return items;
  for (const auto& [rank, sequence] : ranked) items.push_back(sequence);
  return items;
}

SequenceBatcher::Items SequenceBatcher::ChooseOldest(TimePoint now, const Terms& terms,
                                                     Decision& decision) {
  const Items candidates = Candidates(terms);
  Items items;
  for (Sequence* sequence : candidates) {
    const bool fits = static_cast<std::int64_t>(items.size()) < max_rows_ &&
                      Together(*candidates.front(), *sequence);
    if (!fits) break;
    items.push_back(sequence);
  }
  if (items.empty() || !config_->batched()) return items;
  const bool full = items.size() < candidates.size();
  if (terms.only_full && !full && items.size() < LargestPreferred()) return {};
  items.resize(CountOldest(items, full, now, decision));
  return items;
}

std::size_t SequenceBatcher::LargestPreferred() const {
  const std::vector<std::int64_t>& sizes = rules_.preferred_batch_sizes;
  return sizes.empty() ? 1 : static_cast<std::size_t>(sizes.back());
}

/// The rules of the dynamic batcher, for requests of one row.
std::size_t SequenceBatcher::CountOldest(const Items& items, bool full, TimePoint now,
                                         Decision& decision) const {
  std::size_t preferred = 0;
  for (const std::int64_t size : rules_.preferred_batch_sizes) {
    const auto rows = static_cast<std::size_t>(size);
    if (rows <= items.size()) preferred = rows;
  }
  const TimePoint wake = OldestOf(items) + rules_.max_queue_delay;
  const bool aged = now >= wake;
  if (preferred > 0 && (rules_.max_queue_delay.count() == 0 || !aged)) return preferred;
  if (aged || full || items.size() >= LargestPreferred()) return items.size();
  decision.wake_at = std::min(decision.wake_at.value_or(wake), wake);
  return 0;
}

TimePoint SequenceBatcher::OldestOf(const Items& items) {
  TimePoint oldest = TimePoint::max();
  for (const Sequence* sequence : items) {
    oldest = std::min(oldest, sequence->waiting.front().enqueued);
  }
  return oldest;
}

bool SequenceBatcher::FiresDirect(const Items& items, TimePoint now, const Terms& terms,
                                  Decision& decision) const {
  const auto rows = static_cast<std::int64_t>(items.size());
  if (terms.only_full) return rows >= slots_;
  if (rules_.max_queue_delay.count() == 0 || rules_.minimum_slot_utilization == 0) return true;
  if (static_cast<double>(rows) >= rules_.minimum_slot_utilization * static_cast<double>(slots_)) {
    return true;
  }
  const TimePoint wake = OldestOf(items) + rules_.max_queue_delay;
  if (now >= wake) return true;
  decision.wake_at = std::min(decision.wake_at.value_or(wake), wake);
  return false;
}

SequenceBatcher::Items SequenceBatcher::ChooseDirect(TimePoint now, const Terms& terms,
                                                     Decision& decision) {
  const Items candidates = Candidates(terms);
  std::set<std::int64_t> seen;
  for (const Sequence* leader : candidates) {
    if (leader->waiting.front().flow() != terms.order.front()) break;
    if (!seen.insert(leader->slot->instance).second) continue;
    Items items;
    for (Sequence* sequence : candidates) {
      const bool same = sequence->slot->instance == leader->slot->instance;
      if (same && Together(*leader, *sequence)) items.push_back(sequence);
    }
    if (FiresDirect(items, now, terms, decision)) return items;
  }
  return {};
}

void SequenceBatcher::AddKept(std::vector<tenancy::KeptBytes>& kept) const {
  for (const auto& [number, sequence] : sequences_) {
    std::uint64_t bytes = 0;
    for (const tensor::HostTensor& state : sequence.state) bytes += state.bytes.size();
    if (sequence.account != nullptr && bytes > 0) kept.push_back({sequence.account, bytes});
  }
}

// ---- The batch -------------------------------------------------------------------

Pending SequenceBatcher::Take(Sequence& sequence) {
  Pending pending = std::move(sequence.waiting.front());
  sequence.waiting.pop_front();
  sequence.in_order = false;
  --queued_;
  const SequenceMark mark = ReadSequenceMark(pending.request);
  if (mark.start) sequence.state = inputs_.initial_state();
  pending.added = inputs_.ForRequest(mark, sequence.state);
  sequence.account = pending.request.account;
  sequence.running = true;
  ++busy_[sequence.slot->instance];
  return pending;
}

Pending SequenceBatcher::NullItem(const Pending& beside) const {
  Pending item;
  item.null_item = true;
  item.request.model = beside.request.model;
  item.request.inputs = beside.request.inputs;
  item.request.identity = beside.request.identity;  // who needs the row pays for it
  item.request.work_class = beside.request.work_class;
  item.request.account = beside.request.account;
  item.added = inputs_.ForNobody(beside.added);
  item.enqueued = beside.enqueued;
  return item;
}

std::vector<Pending> SequenceBatcher::TakeDirect(const Items& items) {
  std::map<std::int64_t, Pending> taken;
  for (Sequence* sequence : items) taken.emplace(sequence->slot->number, Take(*sequence));
  std::vector<Pending> batch;
  for (auto& [slot, pending] : taken) {
    while (static_cast<std::int64_t>(batch.size()) < slot) batch.push_back(NullItem(pending));
    batch.push_back(std::move(pending));
  }
  return batch;
}

Decision SequenceBatcher::Next(TimePoint now, const Terms& terms) {
  Decision decision;
  Tidy(now, decision);
  if (direct_) {
    decision.requests = TakeDirect(ChooseDirect(now, terms, decision));
  } else {
    for (Sequence* sequence : ChooseOldest(now, terms, decision)) {
      decision.requests.push_back(Take(*sequence));
    }
  }
  return decision;
}

void SequenceBatcher::Ended(const std::vector<Pending>& requests, const plan::RunResult& result,
                            TimePoint now) {
  const auto rows = static_cast<std::int64_t>(requests.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const Pending& pending = requests[static_cast<std::size_t>(row)];
    const auto it = sequences_.find(pending.sequence);
    if (pending.null_item || it == sequences_.end()) continue;
    Sequence& sequence = it->second;
    const auto busy = busy_.find(sequence.slot->instance);
    if (--busy->second == 0) busy_.erase(busy);
    // A failed request leaves the state as it was.
    if (result.status.ok()) sequence.state = inputs_.StateAfter(result, row, rows);
    sequence.running = false;
    sequence.idle_since = now;
    first_idle_ = std::min(first_idle_, now + rules_.max_idle);
    MakeReady(sequence);
    EraseIfOver(sequence);
  }
}

// ---- What waits ------------------------------------------------------------------

std::vector<FlowState> SequenceBatcher::Flows() const {
  std::vector<FlowState> flows;
  for (const auto& [number, sequence] : sequences_) {
    if (sequence.waiting.empty()) continue;
    const Pending& first = sequence.waiting.front();
    auto state = std::ranges::find(flows, first.flow(), &FlowState::flow);
    if (state == flows.end()) {
      state = flows.insert(flows.end(), FlowState{first.flow(), TimePoint::max(), 0});
    }
    state->oldest = std::min(state->oldest, first.enqueued);
    state->requests += sequence.waiting.size();
  }
  return flows;
}

TimePoint SequenceBatcher::oldest() const {
  TimePoint oldest = TimePoint::max();
  for (const FlowState& state : Flows()) oldest = std::min(oldest, state.oldest);
  return oldest;
}

std::size_t SequenceBatcher::queued_in_backlog() const {
  std::size_t requests = 0;
  for (const std::uint64_t number : backlog_) requests += sequences_.at(number).waiting.size();
  return requests;
}

std::vector<Pending> SequenceBatcher::TakeOlder(TimePoint than) {
  std::vector<Pending> taken;
  std::vector<Sequence*> older;
  for (auto& [number, sequence] : sequences_) {
    const bool waits = !sequence.waiting.empty() && sequence.waiting.front().enqueued < than;
    if (waits) older.push_back(&sequence);
  }
  for (Sequence* sequence : older) std::ranges::move(Drop(*sequence), std::back_inserter(taken));
  return taken;
}

std::vector<Pending> SequenceBatcher::TakeAll() { return TakeOlder(TimePoint::max()); }

}  // namespace hadron::serving
