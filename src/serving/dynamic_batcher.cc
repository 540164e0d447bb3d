#include "serving/dynamic_batcher.h"

#include <algorithm>
#include <string>

namespace hadron::serving {
namespace {

using base::TimePoint;

base::Status QueueFull() {
  return base::Unavailable("Exceeds maximum queue size", base::RefusalCause::kQueue);
}

/// Requests share a batch when every input has the same shape but for the batch dimension.
bool Compatible(const InferenceRequest& a, const InferenceRequest& b) {
  if (a.inputs.size() != b.inputs.size()) return false;
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    const auto left = a.inputs[i].desc.shape.dims();
    const auto right = b.inputs[i].desc.shape.dims();
    if (!std::ranges::equal(left.subspan(1), right.subspan(1))) return false;
  }
  return true;
}

}  // namespace

DynamicBatcher::DynamicBatcher(std::shared_ptr<const config::ModelConfig> config)
    : config_(std::move(config)),
      rules_(config_->dynamic_batching().value_or(config::DynamicBatching())),
      max_rows_(std::max<std::int64_t>(1, config_->max_batch_size())),
      batches_(config_->dynamic_batching().has_value() && config_->batched()) {}

std::uint64_t DynamicBatcher::LevelOf(const InferenceRequest& request) const {
  if (rules_.priority_levels == 0) return 0;
  const bool known = request.priority >= 1 && request.priority <= rules_.priority_levels;
  return known ? request.priority : rules_.default_priority_level;
}

const config::QueuePolicy& DynamicBatcher::PolicyOf(std::uint64_t level) const {
  const auto it = rules_.priority_queue_policies.find(level);
  return it == rules_.priority_queue_policies.end() ? rules_.default_queue_policy : it->second;
}

base::Status DynamicBatcher::Enqueue(Pending& pending) {
  const std::uint64_t level_number = LevelOf(pending.request);
  const config::QueuePolicy& policy = PolicyOf(level_number);
  Level& level = levels_[level_number];
  const std::size_t waiting = level.live.size() + level.delayed.size();
  if (policy.max_queue_size > 0 && waiting >= policy.max_queue_size) return QueueFull();
  auto timeout = policy.default_timeout;
  if (policy.allow_timeout_override && pending.request.timeout_us > 0) {
    // A year is more than any queue lasts and keeps the sum inside the clock's range.
    constexpr std::uint64_t kMaxUs = 365ULL * 24 * 3600 * 1'000'000;
    const std::chrono::microseconds wish(std::min(pending.request.timeout_us, kMaxUs));
    timeout = timeout.count() == 0 ? wish : std::min(timeout, wish);
  }
  if (timeout.count() > 0) pending.deadline = pending.enqueued + timeout;
  level.live.push_back(std::move(pending));
  ++queued_;
  return {};
}

void DynamicBatcher::DropExpired(TimePoint now, Decision& decision) {
  for (auto& [number, level] : levels_) {
    const bool delay =
        PolicyOf(number).timeout_action == config::QueuePolicy::TimeoutAction::kDelay;
    for (auto* queue : {&level.live, &level.delayed}) {
      std::deque<Pending> kept;
      for (Pending& pending : *queue) {
        if (pending.request.IsCancelled()) {
          End(pending, base::Cancelled("the client cancelled the request"), decision);
        } else if (pending.deadline > now) {
          kept.push_back(std::move(pending));
        } else if (delay) {
          pending.deadline = TimePoint::max();
          level.delayed.push_back(std::move(pending));
        } else {
          End(pending, base::Unavailable("Request timeout expired", base::RefusalCause::kDeadline),
              decision);
        }
      }
      queue->swap(kept);
    }
  }
}

void DynamicBatcher::End(Pending& pending, base::Status status, Decision& decision) {
  decision.expired.emplace_back(std::move(pending), std::move(status));
  --queued_;
}

bool DynamicBatcher::IsPreferred(std::int64_t rows) const {
  return std::ranges::find(rules_.preferred_batch_sizes, rows) !=
         rules_.preferred_batch_sizes.end();
}

DynamicBatcher::Reach DynamicBatcher::Measure() const {
  Reach reach;
  const InferenceRequest* first = nullptr;
  for (const auto& [number, level] : levels_) {
    for (const auto* queue : {&level.live, &level.delayed}) {
      for (const Pending& pending : *queue) {
        const bool fits =
            first == nullptr || (batches_ && reach.rows + pending.request.rows <= max_rows_ &&
                                 Compatible(*first, pending.request));
        if (!fits) {
          reach.full = true;
          return reach;
        }
        if (first == nullptr) first = &pending.request;
        ++reach.requests;
        reach.rows += pending.request.rows;
        reach.oldest = std::min(reach.oldest, pending.enqueued);
        reach.deadline = std::min(reach.deadline, pending.deadline);
        if (IsPreferred(reach.rows)) reach.preferred = reach.requests;
      }
    }
  }
  return reach;
}

std::size_t DynamicBatcher::CountToSend(const Reach& reach, TimePoint now,
                                        Decision& decision) const {
  const auto delay = rules_.max_queue_delay;
  const bool aged = delay.count() == 0 || now - reach.oldest >= delay;
  if (!batches_ || reach.requests == 0) return reach.requests;
  if (reach.preferred > 0 && !aged) return reach.preferred;
  if (reach.preferred > 0 && delay.count() == 0) return reach.preferred;
  const auto largest = std::ranges::max_element(rules_.preferred_batch_sizes);
  const bool enough = largest != rules_.preferred_batch_sizes.end() && reach.rows >= *largest;
  if (aged || reach.full || enough) return reach.requests;
  decision.wake_at = std::min(reach.oldest + delay, reach.deadline);
  return 0;
}

std::vector<Pending> DynamicBatcher::Take(std::size_t count) {
  std::vector<Pending> taken;
  taken.reserve(count);
  for (auto& [number, level] : levels_) {
    for (auto* queue : {&level.live, &level.delayed}) {
      while (taken.size() < count && !queue->empty()) {
        taken.push_back(std::move(queue->front()));
        queue->pop_front();
      }
    }
  }
  queued_ -= taken.size();
  return taken;
}

Decision DynamicBatcher::Next(TimePoint now) {
  Decision decision;
  DropExpired(now, decision);
  const Reach reach = Measure();
  decision.requests = Take(CountToSend(reach, now, decision));
  return decision;
}

Decision DynamicBatcher::Expire(TimePoint now) {
  Decision decision;
  DropExpired(now, decision);
  for (const auto& [number, level] : levels_) {
    for (const Pending& pending : level.live) {
      if (pending.deadline == TimePoint::max()) continue;
      decision.wake_at = std::min(decision.wake_at.value_or(pending.deadline), pending.deadline);
    }
  }
  return decision;
}

std::size_t DynamicBatcher::queued() const { return queued_; }

TimePoint DynamicBatcher::oldest() const {
  TimePoint oldest = TimePoint::max();
  for (const auto& [number, level] : levels_) {
    for (const auto* queue : {&level.live, &level.delayed}) {
      if (!queue->empty()) oldest = std::min(oldest, queue->front().enqueued);
    }
  }
  return oldest;
}

std::vector<Pending> DynamicBatcher::TakeOlder(TimePoint than) {
  std::vector<Pending> taken;
  for (auto& [number, level] : levels_) {
    for (auto* queue : {&level.live, &level.delayed}) {
      while (!queue->empty() && queue->front().enqueued < than) {
        taken.push_back(std::move(queue->front()));
        queue->pop_front();
      }
    }
  }
  queued_ -= taken.size();
  return taken;
}

std::vector<Pending> DynamicBatcher::TakeAll() { return Take(queued_); }

}  // namespace hadron::serving
