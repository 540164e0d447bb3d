#include "serving/step_limits.h"

#include <utility>

namespace hadron::serving {

std::optional<StepLimits::Place> StepLimits::Ask(std::size_t number, const void* who,
                                                 Granted granted) {
  base::MutexLock lock(mutex_);
  Step& step = steps_[number];
  if (step.taken == most_ || !step.waiting.empty()) {
    step.waiting.push_back({who, std::move(granted)});
    return std::nullopt;
  }
  ++step.taken;
  return Place(shared_from_this(), number);
}

std::size_t StepLimits::Withdraw(const void* who) {
  std::vector<Waiting> withdrawn;  // what they hold may be places of their own: not under the lock
  base::MutexLock lock(mutex_);
  for (Step& step : steps_) {
    std::deque<Waiting> kept;
    for (Waiting& waiting : step.waiting) {
      if (waiting.who == who) {
        withdrawn.push_back(std::move(waiting));
      } else {
        kept.push_back(std::move(waiting));
      }
    }
    step.waiting.swap(kept);
  }
  return withdrawn.size();
}

std::optional<StepLimits::Grant> StepLimits::TakeGrant() {
  base::MutexLock lock(mutex_);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.waiting.empty() || step.taken == most_) continue;
    ++step.taken;
    Grant grant{i, std::move(step.waiting.front().granted)};
    step.waiting.pop_front();
    return grant;
  }
  granting_ = false;
  return std::nullopt;
}

void StepLimits::GiveBack(std::size_t number) {
  {
    base::MutexLock lock(mutex_);
    --steps_[number].taken;
    if (granting_) return;
    granting_ = true;
  }
  while (auto grant = TakeGrant()) grant->granted(Place(shared_from_this(), grant->step));
}

}  // namespace hadron::serving
