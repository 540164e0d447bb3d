// Whose model is brought onto the device next, and within whose limit.
#include <algorithm>

#include "model/residency_manager.h"
#include "model/restore_choice.h"

namespace hadron::model {
namespace {

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

ResidencyManager::Claims ResidencyManager::AskForClaims() const {
  if (observer_ == nullptr) return std::nullopt;
  {
    base::MutexLock lock(mutex_);
    // Who wants something from here on says so to the next Pump.
    const auto wanted = [](const Residence* residence) { return residence->wanted_; };
    if (uploading_ || std::ranges::none_of(residences_, wanted)) return std::vector<Claim>();
  }
  return observer_->Claims();
}

/// A load waits in nobody's name, and as who is next; so does what it had leave in vain.
std::vector<std::pair<Residence*, ResidencyManager::Claim>> ResidencyManager::Waiting(
    const Claims& claims) const {
  std::vector<std::pair<Residence*, Claim>> waiting;
  for (Residence* residence : residences_) {
    residence->held_back_.clear();
    if (!residence->wanted_ || residence->binding_ != nullptr || residence->yields_) continue;
    if (residence->early_ != nullptr && residence->early_->busy()) continue;  // its end pumps
    if (!claims || residence->wanted_back_ || !residence->waiters_.empty()) {
      waiting.emplace_back(residence, Claim{residence, 0, residence->wanted_since_, nullptr, 0});
    }
    if (!claims) continue;
    for (const Claim& claim : *claims) {
      if (claim.residence == residence) waiting.emplace_back(residence, claim);
    }
  }
  return waiting;
}

Residence* ResidencyManager::ChooseNext(const Claims& claims, News& news) {
  const base::TimePoint now = deps_.clock->Now();
  const auto waiting = Waiting(claims);
  std::vector<RestoreCandidate> candidates;
  for (const auto& [residence, claim] : waiting) {
    candidates.push_back({claim.turn, Seconds(now - claim.oldest), CostOf(*residence)});
  }
  for (const std::size_t i : OrderRestores(candidates)) {
    const auto& [residence, claim] = waiting[i];
    if (KeepLimit(claim, residence, news)) {
      residence->brought_for_ = claim.payer;
      return residence;
    }
    residence->held_back_.push_back(claim.payer);
  }
  return nullptr;
}

/// Has the payer's own models leave, so that the limit is kept with `next` on the device (null:
/// with what is there); false when those that may leave do not suffice.
bool ResidencyManager::KeepLimit(const Claim& claim, const Residence* next, News& news) {
  if (claim.payer == nullptr || claim.most_bytes == 0) return true;
  std::vector<Residence*> owners;
  const std::vector<AccountedModel> models = Accounted(claim.payer, next, &owners);
  const auto leave = StayWithin(claim.most_bytes, models, *options_.policy);
  if (!leave) return false;
  for (const std::size_t victim : *leave) {
    SendAway(*owners[victim], telemetry::EvictionCause::kQuota, news);
  }
  return true;
}

/// Of who has used more than he may have others leave, now or when they have ended. What others use
/// stays: the limit is looked at again when he wants more.
void ResidencyManager::KeepLimits(News& news) {
  for (auto at = above_limit_.begin(); at != above_limit_.end();) {
    const auto [payer, most_bytes] = *at;
    const bool kept = KeepLimit({nullptr, 0, {}, payer, most_bytes}, nullptr, news);
    at = kept || !SomethingOfHisIsBusy(payer) ? above_limit_.erase(at) : std::next(at);
  }
}

bool ResidencyManager::SomethingOfHisIsBusy(Payer payer) const {
  const base::TimePoint now = deps_.clock->Now();
  return std::ranges::any_of(residences_, [&](const Residence* residence) {
    return residence->shares_.PartOf(payer) > 0 && !residence->pinned_ &&
           !residence->shares_.OthersUseIt(payer, now) && !Evictable(*residence);
  });
}

std::vector<AccountedModel> ResidencyManager::Accounted(Payer payer, const Residence* next,
                                                        std::vector<Residence*>* owners) const {
  const base::TimePoint now = deps_.clock->Now();
  std::vector<AccountedModel> models;
  for (Residence* residence : residences_) {
    if (residence->parts_.empty() || residence == next) continue;
    AccountedModel& held = models.emplace_back();
    held.model = CandidateOf(*residence);
    held.part = residence->shares_.PartOf(payer);
    // Others' models are not in this one's hands.
    held.may_leave =
        held.part > 0 && !residence->shares_.OthersUseIt(payer, now) && Evictable(*residence, next);
    if (owners != nullptr) owners->push_back(residence);
  }
  if (next != nullptr) models.push_back(AccountedWith(*next));
  return models;
}

/// A model that would come, on one account.
AccountedModel ResidencyManager::AccountedWith(const Residence& next) const {
  AccountedModel coming;
  coming.part = 1;
  for (const WeightStore::Share& share : store_.Found(*next.image_)) {
    coming.model.parts.push_back({share.range, share.bytes});
  }
  // What is not there yet is nobody else's.
  coming.model.parts.push_back({&next, store_.MissingBytes(*next.image_)});
  return coming;
}

void ResidencyManager::NoteUse(const ModelVersion& version, Payer payer, std::uint64_t most_bytes,
                               double seconds) {
  if (shares_host_memory()) return;
  Residence& residence = version.residence();
  {
    base::MutexLock lock(mutex_);
    if (residence.parts_.empty()) return;
    // What grows of a part that he has already is looked at when he wants more.
    const bool look = most_bytes > 0 && residence.shares_.PartOf(payer) <= 0;
    residence.shares_.Note(payer, seconds, deps_.clock->Now());
    if (!look) return;
    const double bytes = BytesOnAccount(Accounted(payer, nullptr, nullptr));
    if (bytes <= static_cast<double>(most_bytes)) return;
    above_limit_[payer] = most_bytes;
  }
  PostPump();
}

std::uint64_t ResidencyManager::BytesAlone(const ModelVersion& version) const {
  if (shares_host_memory()) return 0;
  const Residence& residence = version.residence();
  base::MutexLock lock(mutex_);
  if (residence.binding_ != nullptr && !residence.shares_.empty()) return 0;
  std::vector<AccountedModel> models = Accounted(nullptr, &residence, nullptr);
  for (AccountedModel& held : models) held.part = &held == &models.back() ? 1 : 0;
  return static_cast<std::uint64_t>(BytesOnAccount(models));
}

bool ResidencyManager::HeldBack(const ModelVersion& version, Payer payer) const {
  const Residence& residence = version.residence();
  base::MutexLock lock(mutex_);
  return std::ranges::count(residence.held_back_, payer) > 0;
}

std::map<Payer, double> ResidencyManager::OnAccounts() const {
  base::MutexLock lock(mutex_);
  std::map<const void*, int> holders;
  for (const Residence* residence : residences_) {
    for (const auto& part : residence->parts_) ++holders[part.range];
  }
  std::map<Payer, double> accounts;
  for (const Residence* residence : residences_) {
    double bytes = 0;
    for (const auto& part : residence->parts_) {
      bytes += static_cast<double>(part.bytes) / holders.at(part.range);
    }
    for (const auto& [payer, part] : residence->shares_.Parts()) accounts[payer] += part * bytes;
  }
  return accounts;
}

}  // namespace hadron::model
