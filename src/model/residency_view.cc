// What others may see of the residency, and what they may tell it.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/strings.h"
#include "model/residency_manager.h"

namespace hadron::model {

using base::Status;

namespace {

using Parts = std::vector<EvictionCandidate::Part>;
using Holders = std::unordered_map<const void*, int>;

std::uint64_t Sum(const Parts& parts) {
  std::uint64_t bytes = 0;
  for (const EvictionCandidate::Part& part : parts) bytes += part.bytes;
  return bytes;
}

/// Of the parts, those that others hold, too.
std::uint64_t SharedOf(const Parts& parts, const Holders& holders) {
  std::uint64_t bytes = 0;
  for (const EvictionCandidate::Part& part : parts) {
    if (holders.at(part.range) > 1) bytes += part.bytes;
  }
  return bytes;
}

/// Of the parts, as much as falls to one of those who hold them.
double PartOf(const Parts& parts, const Holders& holders) {
  double bytes = 0;
  for (const EvictionCandidate::Part& part : parts) {
    bytes += static_cast<double>(part.bytes) / holders.at(part.range);
  }
  return bytes;
}

}  // namespace

void ResidencyManager::Tally(const Residence& residence) const {
  telemetry::WeightPlace place;
  place.device = deps_.device->info().id;
  place.resident = residence.binding_ != nullptr;
  place.weights = Sum(residence.parts_);
  place.host_copy = Sum(residence.host_parts_);
  residence.metrics_->SetPlace(std::move(place));
}

/// The series outlive an eviction: they go by the instance that has come in its place, or say that
/// there is none.
void ResidencyManager::TallyGone(const Residence& residence) const {
  const auto next = std::ranges::find_if(
      residences_, [&](const Residence* other) { return other->metrics_ == residence.metrics_; });
  if (next != residences_.end()) return Tally(**next);
  telemetry::WeightPlace place;
  place.device = deps_.device->info().id;
  residence.metrics_->SetPlace(std::move(place));
}

bool ResidencyManager::AddHostPart(const ModelVersion& version,
                                   EvictionCandidate& candidate) const {
  const Residence& residence = version.residence();
  base::MutexLock lock(mutex_);
  candidate.parts.insert(candidate.parts.end(), residence.host_parts_.begin(),
                         residence.host_parts_.end());
  candidate.waiting += std::max<std::int64_t>(0, residence.metrics_->pending.value());
  candidate.frequency += FrequencyOf(residence);
  candidate.restore_seconds += version.load_seconds();
  candidate.last_used = std::max(candidate.last_used, residence.use().last_used);
  return !residence.pinned_;
}

ResidencyManager::Picture ResidencyManager::Look() const {
  struct Held {
    View* view;
    Parts device;
    Parts host;
  };
  Picture picture;
  std::vector<Held> held;
  {
    base::MutexLock lock(mutex_);
    for (const Residence* residence : residences_) {
      View& view = picture[residence];
      view.model = residence->model_;
      view.resident = residence->binding_ != nullptr;
      view.restoring = residence == restoring_;
      view.waiting = residence->wanted_;
      view.pinned = residence->pinned_;
      view.evictable = Evictable(*residence);
      view.restore_seconds = CostOf(*residence);
      view.last_used = residence->use().last_used;
      view.in_host_memory = view.resident && residence->parts_.empty();
      held.push_back({&view, residence->parts_, residence->host_parts_});
    }
  }
  Holders holders;  // ranges of both memories
  for (const auto& [view, device, host] : held) {
    for (const EvictionCandidate::Part& part : device) ++holders[part.range];
    for (const EvictionCandidate::Part& part : host) ++holders[part.range];
  }
  for (const auto& [view, device, host] : held) {
    view->resident_bytes = Sum(device);
    view->shared_bytes = SharedOf(device, holders);
    view->host_bytes = Sum(host);
    view->host_shared_bytes = SharedOf(host, holders);
    view->resident_part = PartOf(device, holders);
    view->host_part = PartOf(host, holders);
  }
  return picture;
}

std::vector<ResidencyManager::Slab> ResidencyManager::LookAtSlabs() const {
  std::vector<std::pair<const Residence*, BindingRef>> bound;
  {
    base::MutexLock lock(mutex_);
    for (const Residence* residence : residences_) {
      if (residence->binding_ != nullptr) bound.emplace_back(residence, residence->binding_);
    }
  }
  std::map<std::uint32_t, Slab> slabs;
  for (const auto& [number, bytes] : store_.SlabSizes()) slabs[number].bytes = bytes;
  for (const auto& [residence, binding] : bound) {
    for (const WeightStore::Share& share : store_.Shares(binding->places())) {
      slabs[share.where.slab].ranges.push_back({share.where.offset, share.bytes, residence});
    }
  }
  std::vector<Slab> list;
  for (auto& [number, slab] : slabs) {
    std::ranges::sort(slab.ranges, {}, &HeldRange::offset);
    list.push_back(std::move(slab));
  }
  return list;
}

ResidencyManager::Forecast ResidencyManager::Foresee(const ModelVersion& version) const {
  Forecast forecast;
  Residence& residence = version.residence();
  base::MutexLock lock(mutex_);
  forecast.free_bytes = store_.free_bytes();
  if (residence.binding_ != nullptr) return forecast;
  forecast.missing_bytes = store_.MissingBytes(*residence.image_);
  forecast.restore_seconds = CostOf(residence);
  if (forecast.missing_bytes <= forecast.free_bytes) return forecast;
  for (const Residence* victim :
       ChooseVictims(forecast.missing_bytes - forecast.free_bytes, &residence)) {
    forecast.victims.push_back(victim->model_);
  }
  forecast.blocked = forecast.victims.empty();
  return forecast;
}

void ResidencyManager::SetPinned(const std::string& model, bool pinned) {
  base::MutexLock lock(mutex_);
  if (pinned) {
    pinned_by_call_.insert(model);
  } else {
    pinned_by_call_.erase(model);
  }
  for (Residence* residence : residences_) {
    if (residence->model_ == model) residence->pinned_ = IsPinned(model);
  }
}

Status ResidencyManager::CheckUnpin(const std::string& model) const {
  if (std::ranges::count(options_.pinned, model) == 0) return {};
  return base::Unavailable(fmt::format("model '{}' is pinned by --pin-model until the server ends",
                                       base::EscapeControl(model)));
}

bool ResidencyManager::IsPinned(const std::string& model) const {
  return std::ranges::count(options_.pinned, model) > 0 || pinned_by_call_.contains(model);
}

Status ResidencyManager::Unpin(const std::string& model) {
  HADRON_RETURN_IF_ERROR(CheckUnpin(model));
  SetPinned(model, false);
  if (starved_.load()) PostPump();
  return {};
}

Status ResidencyManager::WhyNotEvictable(const Residence& residence) const {
  const std::string name = base::EscapeControl(residence.model_);
  if (residence.parts_.empty()) {
    return base::Unimplemented(fmt::format(
        "model '{}' has its weights in host memory, where they are once: nothing is won "
        "by taking them off the device",
        name));
  }
  if (residence.pinned_) {
    return base::Unavailable(fmt::format("model '{}' is pinned; unpin it first", name));
  }
  const bool idle = Evictable(residence) && residence.metrics_->pending.value() <= 0;
  if (idle) return {};
  return base::Unavailable(fmt::format("model '{}' is busy: requests wait or run", name));
}

void ResidencyManager::Evict(std::string model, base::UniqueFunction<void(Status)> done) {
  deps_.control->Post([this, model = std::move(model), done = std::move(done)]() mutable {
    News news;
    Status status;
    {
      base::MutexLock lock(mutex_);
      std::vector<Residence*> leaving;
      for (Residence* residence : residences_) {
        if (residence->model_ != model || residence->binding_ == nullptr) continue;
        Status why = WhyNotEvictable(*residence);
        if (!why.ok()) status = std::move(why);
        leaving.push_back(residence);
      }
      if (!status.ok()) leaving.clear();
      for (Residence* residence : leaving) {
        SendAway(*residence, telemetry::EvictionCause::kManual, news);
      }
    }
    Tell(std::move(news));
    done(std::move(status));
    Pump();
  });
}

}  // namespace hadron::model
