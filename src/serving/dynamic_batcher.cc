#include "serving/dynamic_batcher.h"

#include <algorithm>
#include <string>

namespace hadron::serving {
namespace {

using base::TimePoint;

base::Status QueueFull() {
  return base::Unavailable("Exceeds maximum queue size", base::RefusalCause::kQueue);
}

/// Requests share a batch when they bring the same inputs, and every input that is not ragged has
/// the same shape but for the batch dimension.
bool Compatible(const config::ModelConfig& config, const InferenceRequest& a,
                const InferenceRequest& b) {
  if (a.inputs.size() != b.inputs.size()) return false;
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    const std::string& name = a.inputs[i].desc.name;
    if (name != b.inputs[i].desc.name) return false;
    const config::IoConfig* const io = config.FindInput(name);
    if (io != nullptr && io->ragged) continue;
    const auto left = a.inputs[i].desc.shape.dims();
    const auto right = b.inputs[i].desc.shape.dims();
    if (!std::ranges::equal(left.subspan(1), right.subspan(1))) return false;
  }
  return true;
}

/// The usual case, found without moving anything; `first` is the first deadline then.
bool NobodyEnded(const std::deque<Pending>& queue, TimePoint now, TimePoint& first) {
  for (const Pending& pending : queue) {
    if (pending.deadline <= now || pending.request.IsCancelled()) return false;
    first = std::min(first, pending.deadline);
  }
  return true;
}

bool HaveOneShape(const config::ModelConfig& config) {
  return std::ranges::all_of(config.inputs(), [](const config::IoConfig& io) {
    if (io.ragged) return true;
    return !io.optional && std::ranges::all_of(io.dims.dims(), [](auto dim) { return dim >= 0; });
  });
}

}  // namespace

DynamicBatcher::DynamicBatcher(std::shared_ptr<const config::ModelConfig> config)
    : config_(std::move(config)),
      rules_(config_->dynamic_batching().value_or(config::DynamicBatching())),
      max_rows_(std::max<std::int64_t>(1, config_->max_batch_size())),
      batches_(config_->dynamic_batching().has_value() && config_->batched()),
      same_shapes_(HaveOneShape(*config_)),
      order_(rules_.preserve_ordering ? std::make_shared<OrderedAnswers>() : nullptr) {}

// ---- Who waits ---------------------------------------------------------------

std::uint64_t DynamicBatcher::LevelOf(const InferenceRequest& request) const {
  if (rules_.priority_levels == 0) return 0;
  const bool known = request.priority >= 1 && request.priority <= rules_.priority_levels;
  return known ? request.priority : rules_.default_priority_level;
}

const config::QueuePolicy& DynamicBatcher::PolicyOf(std::uint64_t level) const {
  const auto it = rules_.priority_queue_policies.find(level);
  return it == rules_.priority_queue_policies.end() ? rules_.default_queue_policy : it->second;
}

TimePoint DynamicBatcher::DeadlineOf(const Pending& pending,
                                     const config::QueuePolicy& policy) const {
  auto timeout = policy.default_timeout;
  const bool override = policy.allow_timeout_override || rules_.tuned;
  if (override && pending.request.timeout_us > 0) {
    // A year is more than any queue lasts and keeps the sum inside the clock's range.
    constexpr std::uint64_t kMaxUs = 365ULL * 24 * 3600 * 1'000'000;
    const std::chrono::microseconds wish(std::min(pending.request.timeout_us, kMaxUs));
    timeout = timeout.count() == 0 ? wish : std::min(timeout, wish);
  }
  return timeout.count() > 0 ? pending.enqueued + timeout : TimePoint::max();
}

TimePoint DynamicBatcher::MustStartBy(const Pending& pending) const {
  const config::QueuePolicy& policy = PolicyOf(LevelOf(pending.request));
  const bool delays = policy.timeout_action == config::QueuePolicy::TimeoutAction::kDelay;
  return delays ? TimePoint::max() : DeadlineOf(pending, policy);
}

DynamicBatcher::Line* DynamicBatcher::FindLine(const Flow& flow) {
  const auto it = std::ranges::find(lines_, flow, &Line::flow);
  return it == lines_.end() ? nullptr : &*it;
}

DynamicBatcher::Line& DynamicBatcher::LineOf(const Flow& flow) {
  Line* const known = FindLine(flow);
  return known != nullptr ? *known : lines_.emplace_back(Line{flow, {}, 0});
}

std::size_t DynamicBatcher::WaitingAt(std::uint64_t level) const {
  std::size_t waiting = 0;
  for (const Line& line : lines_) {
    const auto at = line.levels.find(level);
    if (at != line.levels.end()) waiting += at->second.live.size() + at->second.delayed.size();
  }
  return waiting;
}

base::Status DynamicBatcher::Enqueue(Pending& pending) {
  const std::uint64_t level = LevelOf(pending.request);
  const config::QueuePolicy& policy = PolicyOf(level);
  if (policy.max_queue_size > 0 && WaitingAt(level) >= policy.max_queue_size) return QueueFull();
  pending.done = InOrder(std::move(pending.done));
  pending.deadline = DeadlineOf(pending, policy);
  first_deadline_ = std::min(first_deadline_, pending.deadline);
  Line& line = LineOf(pending.flow());
  line.levels[level].live.push_back(std::move(pending));
  ++line.requests;
  ++queued_;
  return {};
}

OnDone DynamicBatcher::InOrder(OnDone done) {
  return order_ == nullptr ? std::move(done) : order_->Wrap(std::move(done));
}

std::vector<FlowState> DynamicBatcher::Flows() const {
  std::vector<FlowState> flows;
  for (const Line& line : lines_) {
    if (line.requests == 0) continue;
    FlowState& state = flows.emplace_back(FlowState{line.flow, TimePoint::max(), line.requests});
    for (const auto& [number, level] : line.levels) {
      for (const Queue* queue : {&level.live, &level.delayed}) {
        if (!queue->empty()) state.oldest = std::min(state.oldest, queue->front().enqueued);
      }
    }
  }
  return flows;
}

TimePoint DynamicBatcher::oldest() const {
  TimePoint oldest = TimePoint::max();
  for (const FlowState& state : Flows()) oldest = std::min(oldest, state.oldest);
  return oldest;
}

// ---- Who is over ---------------------------------------------------------------

void DynamicBatcher::DropEnded(TimePoint now, Line& line, Decision& decision) {
  using Action = config::QueuePolicy::TimeoutAction;
  const auto end = [&](Pending& pending, base::Status status) {
    decision.expired.emplace_back(std::move(pending), std::move(status));
    --queued_;
    --line.requests;
  };
  for (auto& [number, level] : line.levels) {
    for (Queue* queue : {&level.live, &level.delayed}) {
      TimePoint first = TimePoint::max();
      if (NobodyEnded(*queue, now, first)) {
        first_deadline_ = std::min(first_deadline_, first);
        continue;
      }
      Queue kept;
      for (Pending& pending : *queue) {
        if (pending.request.IsCancelled()) {
          end(pending, base::Cancelled("the client cancelled the request"));
        } else if (pending.deadline > now) {
          first_deadline_ = std::min(first_deadline_, pending.deadline);
          kept.push_back(std::move(pending));
        } else if (PolicyOf(number).timeout_action == Action::kDelay) {
          pending.deadline = TimePoint::max();
          level.delayed.push_back(std::move(pending));
        } else {
          end(pending, base::Unavailable("Request timeout expired", base::RefusalCause::kDeadline));
        }
      }
      queue->swap(kept);
    }
  }
}

void DynamicBatcher::DropEnded(TimePoint now, Decision& decision) {
  first_deadline_ = TimePoint::max();
  for (Line& line : lines_) DropEnded(now, line, decision);
}

// ---- What goes together ----------------------------------------------------------

DynamicBatcher::Rules DynamicBatcher::RulesNow(const Terms& terms) const {
  if (!batches_) return {{1}, 1, 1, {}};
  if (rules_.tuned) {
    const std::int64_t rows = std::clamp<std::int64_t>(terms.tuning.rows, 1, max_rows_);
    return {{rows}, rows, max_rows_, terms.tuning.delay};
  }
  Rules rules{rules_.preferred_batch_sizes, 0, max_rows_, rules_.max_queue_delay};
  for (const std::int64_t size : rules.preferred) {
    rules.largest_preferred = std::max(rules.largest_preferred, size);
  }
  return rules;
}

void DynamicBatcher::Walk(std::span<const Flow> order, const std::function<bool(Queue&)>& visit) {
  for (const Flow& flow : order) {
    Line* const line = FindLine(flow);
    if (line == nullptr || line->requests == 0) continue;
    for (auto& [number, level] : line->levels) {
      for (Queue* queue : {&level.live, &level.delayed}) {
        if (!queue->empty() && !visit(*queue)) return;
      }
    }
  }
}

bool DynamicBatcher::Fits(const Reach& reach, const InferenceRequest& first,
                          const InferenceRequest& request, const Frame& frame) const {
  const std::int64_t rows = reach.rows + request.rows;
  if (!batches_ || rows > frame.rules.max_rows) return false;
  if (!same_shapes_ && !Compatible(*config_, first, request)) return false;
  const TimePoint answer_by = std::min(reach.answer_by, request.deadline);
  if (answer_by == TimePoint::max() || frame.times == nullptr) return true;
  const std::chrono::duration<double> takes(frame.times->Expected(rows));
  return frame.now + std::chrono::duration_cast<base::Duration>(takes) <= answer_by;
}

bool DynamicBatcher::Extend(Reach& reach, const Pending& pending, const InferenceRequest*& first,
                            const Frame& frame) const {
  const Rules& rules = frame.rules;
  const InferenceRequest& request = pending.request;
  if (first != nullptr && !Fits(reach, *first, request, frame)) {
    reach.full = true;
    return false;
  }
  if (first == nullptr) first = &request;
  // The point before the one that passes the largest preferred size, if there is none better.
  const bool passes = reach.rows + request.rows > rules.largest_preferred;
  if (passes && reach.preferred == 0) reach.preferred = reach.requests;
  const std::int64_t rows = reach.rows + request.rows;
  if (rules_.tuned && frame.times != nullptr && rows > frame.times->Padded(reach.rows)) {
    reach.smaller_requests = reach.requests;
    reach.smaller_rows = reach.rows;
  }
  ++reach.requests;
  reach.rows = rows;
  reach.oldest = std::min(reach.oldest, pending.enqueued);
  reach.deadline = std::min(reach.deadline, pending.deadline);
  reach.answer_by = std::min(reach.answer_by, request.deadline);
  if (std::ranges::find(rules.preferred, reach.rows) != rules.preferred.end()) {
    reach.preferred = reach.requests;
  }
  return true;
}

DynamicBatcher::Reach DynamicBatcher::Measure(std::span<const Flow> order, const Frame& frame) {
  Reach reach;
  const InferenceRequest* first = nullptr;
  Walk(order, [&](Queue& queue) {
    for (const Pending& pending : queue) {
      reach.cancelled = reach.cancelled || pending.request.IsCancelled();
      if (!Extend(reach, pending, first, frame)) return false;
    }
    return true;
  });
  return reach;
}

std::size_t DynamicBatcher::CountToSend(const Reach& reach, const Frame& frame,
                                        Decision& decision) const {
  if (!batches_ || reach.requests == 0) return reach.requests;
  const Rules& rules = frame.rules;
  const bool aged = frame.now - reach.oldest >= rules.delay;
  if (reach.preferred > 0 && (rules.delay.count() == 0 || !aged)) return reach.preferred;
  if (aged || reach.full || reach.rows >= rules.largest_preferred) {
    const bool two = rules_.tuned && frame.times != nullptr &&
                     FasterInTwo(*frame.times, reach.rows, reach.smaller_rows);
    return two ? reach.smaller_requests : reach.requests;
  }
  decision.wake_at = std::min(reach.oldest + rules.delay, reach.deadline);
  return 0;
}

std::vector<Pending> DynamicBatcher::Take(std::span<const Flow> order, std::size_t count) {
  std::vector<Pending> taken;
  taken.reserve(count);
  Walk(order, [&](Queue& queue) {
    while (taken.size() < count && !queue.empty()) {
      taken.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    return taken.size() < count;
  });
  for (const Pending& pending : taken) --FindLine(pending.flow())->requests;
  queued_ -= taken.size();
  return taken;
}

Decision DynamicBatcher::Next(TimePoint now, const Terms& terms) {
  Decision decision;
  if (now >= first_deadline_) DropEnded(now, decision);
  const Frame frame{RulesNow(terms), now, terms.times};
  const Rules& rules = frame.rules;
  Reach reach = Measure(terms.order, frame);
  if (reach.cancelled) {
    DropEnded(now, decision);
    reach = Measure(terms.order, frame);
  }
  const bool could_grow = batches_ && !reach.full && reach.rows < rules.largest_preferred;
  if (terms.only_full && could_grow) return decision;
  decision.requests = Take(terms.order, CountToSend(reach, frame, decision));
  return decision;
}

Decision DynamicBatcher::Expire(TimePoint now) {
  Decision decision;
  DropEnded(now, decision);
  if (first_deadline_ != TimePoint::max()) decision.wake_at = first_deadline_;
  return decision;
}

std::vector<Pending> DynamicBatcher::TakeIf(const std::function<bool(const Pending&)>& take) {
  std::vector<Pending> taken;
  for (Line& line : lines_) {
    for (auto& [number, level] : line.levels) {
      for (Queue* queue : {&level.live, &level.delayed}) {
        Queue kept;
        for (Pending& pending : *queue) {
          const bool goes = take(pending);
          goes ? taken.push_back(std::move(pending)) : kept.push_back(std::move(pending));
        }
        line.requests -= queue->size() - kept.size();
        queue->swap(kept);
      }
    }
  }
  queued_ -= taken.size();
  return taken;
}

std::vector<Pending> DynamicBatcher::TakeOlder(TimePoint than) {
  if (oldest() >= than) return {};
  return TakeIf([than](const Pending& pending) { return pending.enqueued < than; });
}

std::vector<Pending> DynamicBatcher::TakeAll() {
  return TakeIf([](const Pending&) { return true; });
}

}  // namespace hadron::serving
