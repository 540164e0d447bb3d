// A version that comes in place of another: who of the two may stay when only one can.
#include <fmt/format.h>

#include "base/strings.h"
#include "model/residency_manager.h"

namespace hadron::model {

base::StatusOr<ReloadPolicy> ParseReloadPolicy(std::string_view name) {
  if (name == "keep-old") return ReloadPolicy::kKeepOld;
  if (name == "swap-out-first") return ReloadPolicy::kSwapOutFirst;
  return base::InvalidArgument(fmt::format("'{}' is not keep-old or swap-out-first",
                                           base::EscapeControl(name.substr(0, 256))));
}

Residence* ResidencyManager::Replaced(const Residence* by) const {
  if (by == nullptr || by->replaces_ == nullptr) return nullptr;
  for (Residence* residence : residences_) {
    if (residence == by->replaces_) return residence;
  }
  return nullptr;
}

/// Whether it may not leave for `next`, idle or not. A pin is the model's: between its old and its
/// new weights it decides nothing.
bool ResidencyManager::StaysFor(const Residence& residence, const Residence* next) const {
  if (next != nullptr && next->replaces_ == &residence) return !next->swaps_;
  if (next != nullptr && residence.replaces_ == next) return false;
  return residence.pinned_;
}

/// True when `next` may wait for the one that it replaces to leave.
bool ResidencyManager::HaveOldYield(const Residence& next, News& news) {
  Residence* const old = next.swaps_ ? Replaced(&next) : nullptr;
  if (old == nullptr || old->parts_.empty()) return false;
  old->yields_ = true;
  if (old->pins_ == 0) SendAway(*old, telemetry::EvictionCause::kPressure, news);
  return true;
}

bool ResidencyManager::OthersWillLeave(const Residence& next, News& news) {
  return HaveOldYield(next, news) || SomebodyIsBusy(next);
}

/// The load of `by` has come to its end.
void ResidencyManager::EndYield(Residence& by, bool wanted_again) {
  Residence* const old = by.swaps_ ? Replaced(&by) : nullptr;
  if (old == nullptr || !old->yields_) return;
  old->yields_ = false;
  if (wanted_again && old->binding_ == nullptr) {
    old->wanted_ = old->wanted_back_ = true;
    old->wanted_since_ = deps_.clock->Now();
  }
  // Its requests ask again; the lock is held, and the scheduler's may not be taken under it.
  deps_.control->Post([this] {
    if (observer_ != nullptr) observer_->OnResident();
    Pump();
  });
}

void ResidencyManager::ForgetReplaced(const Residence& gone) {
  for (Residence* residence : residences_) {
    if (residence->replaces_ == &gone) residence->replaces_ = nullptr;
  }
}

}  // namespace hadron::model
