// How ModelManager follows changes on disk.
#include <fmt/format.h>

#include <set>

#include "base/log.h"
#include "model/model_manager.h"

namespace hadron::model {
namespace {

using base::StatusOr;

/// A model of a scan, which it keeps alive; null when the scan has none of that name.
std::shared_ptr<const ScannedModel> ListingOf(const std::shared_ptr<const ScanResult>& scan,
                                              const std::string& name) {
  if (scan == nullptr) return nullptr;
  const auto at = scan->models.find(name);
  if (at == scan->models.end()) return nullptr;
  return {scan, &at->second};
}

}  // namespace

void ModelManager::PollLater() {
  if (options_.control_mode == ControlMode::kNone || options_.poll_interval.count() == 0) return;
  deps_.post_at(deps_.clock->Now() + options_.poll_interval, [this] {
    if (stopping_) return;
    watch_.List(scan_, false, [this](StatusOr<RepositoryWatch::Listing> listing) {
      OnPoll(std::move(listing));
      PollLater();
    });
  });
}

void ModelManager::OnPoll(StatusOr<RepositoryWatch::Listing> listing) {
  if (stopping_) return;
  if (!listing.ok()) {
    // Nobody has removed the models: the store cannot be asked just now.
    base::LogWarning("the model repositories could not be listed", {{"reason", listing.message()}});
    return;
  }
  std::set<std::string> names;
  for (const auto& [name, record] : table_.records()) names.insert(name);
  for (const auto& [name, model] : listing->scan->models) names.insert(name);
  std::map<std::string, std::shared_ptr<const ScannedModel>> to_identify;
  for (const std::string& name : names) {
    const PollAction action = DecideFor(name, *listing->scan);
    if (action == PollAction::kWait) SayWhatIsMissing(name, *listing->scan);
    auto current = ListingOf(listing->scan, name);
    const bool demand = options_.control_mode == ControlMode::kDemand;
    if (action == PollAction::kCatalogue && demand) {
      to_identify.emplace(name, std::move(current));
    } else {
      Follow(name, action, std::move(current));
    }
  }
  scan_ = listing->scan;
  if (to_identify.empty()) return;
  std::vector<std::shared_ptr<const ScannedModel>> models;
  for (const auto& [name, model] : to_identify) models.push_back(model);
  watch_.Identify(std::move(models),
                  [this, to_identify = std::move(to_identify)](RepositoryWatch::Identified found) {
                    OnIdentified(to_identify, std::move(found));
                  });
}

/// Once for each change of the directory.
void ModelManager::SayWhatIsMissing(const std::string& name, const ScanResult& scan) const {
  const ScannedModel& model = scan.models.at(name);
  const auto before = ListingOf(scan_, name);
  if (LooksWhole(model) || (before != nullptr && SameListing(*before, model))) return;
  base::LogInfo("model is not whole yet: a version needs a model.onnx", {{"model", name}});
}

PollAction ModelManager::DecideFor(const std::string& name, const ScanResult& scan) const {
  const auto record = table_.records().find(name);
  const bool known = record != table_.records().end();
  const auto current = scan.models.find(name);
  const std::shared_ptr<const ScannedModel> previous = ListingOf(scan_, name);
  if (current == scan.models.end() && (!known || record->second.listing == nullptr)) {
    return PollAction::kNothing;  // made of an override alone, or gone already
  }
  const std::map<std::int64_t, VersionContent> live =
      known ? record->second.Live() : std::map<std::int64_t, VersionContent>();
  PolledModel model;
  model.mode = options_.control_mode;
  model.previous = previous.get();
  model.current = current == scan.models.end() ? nullptr : &current->second;
  model.live = &live;
  model.whole = model.current == nullptr || LooksWhole(*model.current);
  if (known) {
    model.applied = record->second.listing.get();
    model.busy = record->second.running != nullptr;
    model.overridden = record->second.override_ != nullptr;
    model.unloaded = record->second.unloaded;
  }
  return DecidePoll(model);
}

void ModelManager::Follow(const std::string& name, PollAction action,
                          std::shared_ptr<const ScannedModel> current) {
  if (action == PollAction::kNothing || action == PollAction::kWait) return;
  ModelRecord& record = table_.At(name);
  record.listing = std::move(current);
  if (action == PollAction::kUnload) return UnloadNow(record);
  if (action == PollAction::kCatalogue) {
    if (!record.AnyLive()) record.reason = record.listing == nullptr ? "" : record.listing->reason;
    return table_.Publish(record);
  }
  record.asked = true;
  PendingLoad pending;
  pending.rung = record.rung();
  pending.find = watch_.FindListed(record.listing);
  Submit(record, std::move(pending));
}

void ModelManager::OnIdentified(
    const std::map<std::string, std::shared_ptr<const ScannedModel>>& listings,
    RepositoryWatch::Identified identified) {
  for (const auto& [name, listing] : listings) {
    ModelRecord& record = table_.At(name);
    if (record.running == nullptr) {  // else the next poll looks again
      record.listing = listing;
      Catalogued(record, identified.at(name));
    }
  }
  table_.PublishAll();
}

void ModelManager::Catalogued(ModelRecord& record, const StatusOr<LoadSource>& source) {
  record.failure.clear();
  record.failures = 0;
  record.reason = source.ok() ? "" : source.message();
  if (!source.ok()) {
    record.failure = fmt::format("load failed for model '{}': {}", record.name, source.message());
    record.retry_at = base::TimePoint::max();  // until the directory changes
  }
  std::set<std::int64_t> wanted;
  if (source.ok()) wanted.insert(source->versions.begin(), source->versions.end());
  for (const std::int64_t number : wanted) {
    VersionFacts& facts = record.versions[number].facts;
    facts.failure.clear();
    facts.unloaded = record.unloaded;
  }
  for (auto& [number, version] : record.versions) {
    version.facts.loadable = wanted.contains(number) && !record.unloaded;
  }
  std::erase_if(record.versions, [&](const auto& item) {
    const VersionFacts& facts = item.second.facts;
    return !wanted.contains(item.first) && item.second.history == nullptr && facts.retiring == 0;
  });
  for (const auto& [number, version] : record.versions) {
    if (!wanted.contains(number) && !version.facts.live) table_.Retire(record, number);
  }
}

}  // namespace hadron::model
