// Weights that nobody has used for a while leave the device.
#include "model/residency_manager.h"

namespace hadron::model {

void ResidencyManager::LookForIdleAt(std::optional<base::TimePoint> when) {
  if (!when || !deps_.post_at) return;
  if (idle_look_ && *idle_look_ <= *when) return;
  idle_look_ = when;
  deps_.post_at(*when, [this] { EvictIdle(); });
}

void ResidencyManager::EvictIdle() {
  const base::TimePoint now = deps_.clock->Now();
  News news;
  {
    base::MutexLock lock(mutex_);
    if (idle_look_ && *idle_look_ <= now) idle_look_.reset();
    std::vector<Residence*> owners;
    std::vector<IdleCandidate> candidates;
    for (Residence* residence : residences_) {
      if (residence->parts_.empty()) continue;
      owners.push_back(residence);
      const bool asked_for = residence->metrics_->pending.value() > 0;
      candidates.push_back(
          {residence->used_until_, residence->idle_evict_, asked_for || !Evictable(*residence)});
    }
    const IdleChoice choice = ChooseIdle(candidates, now);
    for (const std::size_t leaver : choice.leave) {
      SendAway(*owners[leaver], telemetry::EvictionCause::kIdle, news);
    }
    LookForIdleAt(choice.look_at);
  }
  Tell(std::move(news));
  Pump();  // gives the empty slabs back
}

}  // namespace hadron::model
