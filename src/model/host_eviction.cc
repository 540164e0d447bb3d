// Which models leave host memory when a load or a batch needs room, and how.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "device/memory_pool.h"
#include "model/model_manager.h"

namespace hadron::model {

HostRoom::Hooks ModelManager::RoomHooks() {
  HostRoom::Hooks hooks;
  hooks.free = [this] {
    if (deps_.host.pool == nullptr) return std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t free = deps_.host.pool->free();
    return free - std::min(free, std::max(deps_.host.margin, activations_.wanted_bytes()));
  };
  hooks.leaving = [this] { return table_.AnybodyLeaves(); };
  hooks.evict = [this](std::uint64_t bytes) { return EvictFor(bytes); };
  hooks.call_back = [&host = deps_.host] { return host.call_back && host.call_back(); };
  return hooks;
}

ActivationRoom::Hooks ModelManager::ActivationHooks() {
  ActivationRoom::Hooks hooks;
  hooks.free = [&host = deps_.host] {
    return host.pool == nullptr ? std::numeric_limits<std::uint64_t>::max() : host.pool->free();
  };
  hooks.evict = [this](std::uint64_t bytes, const ActivationRoom::Models& but) {
    return EvictFor(bytes, &but);
  };
  hooks.leaving = [this](const ActivationRoom::Models& but) {
    // What a load took beside the model it has made comes back, too.
    if (room_.loading()) return true;
    return std::ranges::any_of(table_.records(), [&but](const auto& record) {
      return !but.contains(record.first) && record.second.IsLeaving();
    });
  };
  hooks.busy = [this](const ActivationRoom::Models& but) {
    return std::ranges::any_of(table_.records(), [&](const auto& record) {
      if (but.contains(record.first)) return false;
      const HostShare share = ShareOf(record.second);
      return share.holds.waiting > 0 && WhyItStays(record.second, share).ok();
    });
  };
  return hooks;
}

void ModelManager::WantActivations(const ModelVersion& by, std::uint64_t bytes, Done done) {
  deps_.control->Post([this, model = by.name(), bytes, done = std::move(done)]() mutable {
    if (stopping_) return done(base::Unavailable("Server exiting", base::RefusalCause::kDraining));
    constexpr std::chrono::seconds kPatience{30};
    const base::TimePoint now = deps_.clock->Now();
    activations_.Enter({std::move(model), bytes, now + kPatience, std::move(done)}, now);
    LookAtActivationsLater();
  });
}

void ModelManager::LookAtActivationsLater() {
  constexpr std::chrono::milliseconds kPause{10};
  if (activations_.empty() || std::exchange(looking_at_activations_, true)) return;
  deps_.post_at(deps_.clock->Now() + kPause, [this] {
    looking_at_activations_ = false;
    activations_.Look(deps_.clock->Now());
    LookAtActivationsLater();
  });
}

void ModelManager::OnHostMemory() {
  deps_.control->Post([this] { LookForRoom(); });
}

/// Memory has come back. What keeps the device goes first.
void ModelManager::LookForRoom() {
  activations_.Look(deps_.clock->Now());
  room_.Look();
}

std::uint64_t ModelManager::HostRefusals() const {
  return deps_.host.pool == nullptr ? 0 : deps_.host.pool->refusals();
}

/// Models leave as a whole: a use of one version would load the others, too.
ModelManager::HostShare ModelManager::ShareOf(const ModelRecord& record) const {
  HostShare share;
  for (const auto& [number, version] : record.versions) {
    if (version.handle == nullptr || version.handle->is_ensemble()) continue;
    if (!deps_.host.add_part(*version.handle, share.holds)) share.pinned = true;
  }
  // What its versions share is there once.
  auto& parts = share.holds.parts;
  std::ranges::sort(parts, std::less<>(), &EvictionCandidate::Part::range);
  const auto again = std::ranges::unique(parts, {}, &EvictionCandidate::Part::range);
  parts.erase(again.begin(), again.end());
  return share;
}

base::Status ModelManager::WhyItStays(const ModelRecord& record, const HostShare& share) const {
  const auto stays = [&record](std::string_view why) {
    return base::Unavailable(fmt::format("model '{}' has to stay in host memory: {}",
                                         base::EscapeControl(record.name), why));
  };
  if (record.running != nullptr) return stays("it is being loaded");
  if (!record.AnyLive()) return stays("it is not there");
  if (record.override_ != nullptr) return stays("it was loaded with an override");
  for (const auto& [number, version] : record.versions) {
    if (version.handle != nullptr && version.handle->is_ensemble()) {
      return stays("it is an ensemble; evict the models of its steps");
    }
    if (version.handle == nullptr || !FollowsDisk()) continue;
    const ScannedVersion* listed =
        record.listing == nullptr ? nullptr : record.listing->FindVersion(number);
    if (listed == nullptr || ContentOf(*record.listing, *listed) != version.content) {
      return stays("its files have changed since it was loaded and are about to be loaded");
    }
  }
  if (share.pinned) return stays("it is pinned; unpin it first");
  return {};
}

void ModelManager::Evict(std::string name, Done done) {
  deps_.control->Post([this, name = std::move(name), done = std::move(done)]() mutable {
    ModelRecord* record = table_.Find(name);
    if (record == nullptr || !record->AnyLive()) return done({});
    const HostShare share = ShareOf(*record);
    base::Status stays = WhyItStays(*record, share);
    if (!stays.ok()) return done(std::move(stays));
    if (share.holds.waiting > 0) {
      return done(base::Unavailable(
          fmt::format("model '{}' is busy: requests wait", base::EscapeControl(name))));
    }
    EvictNow(*record, telemetry::EvictionCause::kManual);
    done({});
  });
}

/// `idle_but`: only models that no request waits for, and none of these.
bool ModelManager::EvictFor(std::uint64_t bytes, const ActivationRoom::Models* idle_but) {
  std::vector<ModelRecord*> owners;
  std::vector<EvictionCandidate> candidates;
  EvictionSnapshot snapshot;
  for (auto& [name, record] : table_.records()) {
    HostShare share = ShareOf(record);
    for (const auto& part : share.holds.parts) ++snapshot.holders[part.range];
    if (!WhyItStays(record, share).ok()) continue;
    const bool busy = share.holds.waiting > 0;
    if (idle_but != nullptr && (busy || idle_but->contains(name))) continue;
    owners.push_back(&record);
    candidates.push_back(std::move(share.holds));
  }
  snapshot.candidates = candidates;
  const auto victims = deps_.host.policy->Choose(snapshot, bytes);
  for (const std::size_t victim : victims) {
    EvictNow(*owners[victim], idle_but == nullptr ? telemetry::EvictionCause::kPressure
                                                  : telemetry::EvictionCause::kArena);
  }
  return !victims.empty();
}

void ModelManager::EvictNow(ModelRecord& record, telemetry::EvictionCause cause) {
  for (auto& [number, version] : record.versions) {
    if (version.handle == nullptr) continue;
    version.handle->metrics().CountEviction(cause);
    table_.Evict(record, number);
  }
  base::LogInfo("model evicted from host memory", {{"model", record.name}});
  PublishAndDrop(record);
}

}  // namespace hadron::model
