#include "model/model_table.h"

#include <algorithm>
#include <utility>

#include "model/ensembles.h"

namespace hadron::model {
namespace {

bool Usable(const ModelEntry& model) {
  const auto usable = [](const auto& item) {
    return item.second.state == VersionState::kReady || item.second.reason == "unloaded" ||
           item.second.state == VersionState::kUnloading;
  };
  return model.reason.empty() && std::ranges::all_of(model.versions, usable);
}

bool HasEnsemble(const ModelRecord& record) {
  return std::ranges::any_of(record.versions, [](const auto& item) {
    return item.second.handle != nullptr && item.second.handle->is_ensemble();
  });
}

}  // namespace

bool ModelRecord::AnyLive() const {
  return std::ranges::any_of(versions, [](const auto& item) { return item.second.facts.live; });
}

Rung ModelRecord::rung() const {
  const bool untried = std::ranges::any_of(versions, [](const auto& item) {
    return item.second.handle != nullptr && !item.second.handle->tried_out();
  });
  return untried ? Rung::kCompiled : Rung::kResident;
}

bool ModelRecord::AnyLoadable() const {
  return std::ranges::any_of(versions, [](const auto& item) { return item.second.facts.loadable; });
}

bool ModelRecord::IsLeaving() const {
  return std::ranges::any_of(versions, [](const auto& item) {
    const VersionFacts& facts = item.second.facts;
    return facts.loadable && !facts.live && facts.retiring > 0;
  });
}

std::map<std::int64_t, VersionContent> ModelRecord::Live() const {
  std::map<std::int64_t, VersionContent> live;
  for (const auto& [number, version] : versions) {
    if (version.facts.live) live.emplace(number, version.content);
  }
  return live;
}

std::shared_ptr<VersionHistory> ModelRecord::HistoryOf(std::int64_t version,
                                                       const VersionContent& content) const {
  const auto at = versions.find(version);
  if (at == versions.end() || at->second.facts.live || at->second.content != content)
    return nullptr;
  return at->second.history;
}

ModelTable::ModelTable(Dependencies dependencies, ControlMode mode)
    : deps_(std::move(dependencies)),
      mode_(mode),
      catalogue_(std::make_shared<const Catalogue>()) {}

ModelRecord& ModelTable::At(const std::string& name) {
  ModelRecord& record = records_[name];
  record.name = name;
  return record;
}

ModelRecord* ModelTable::Find(std::string_view name) {
  const auto at = records_.find(name);
  return at == records_.end() ? nullptr : &at->second;
}

// ---- publishing ---------------------------------------------------------------------------------

bool ModelTable::SaysNothing(const ModelRecord& record) {
  const auto quiet = [](const auto& item) {
    const VersionFacts& facts = item.second.facts;
    return !facts.live && !facts.building && facts.retiring == 0;
  };
  return record.listing == nullptr && record.running == nullptr && !record.next &&
         record.when_idle.empty() && !record.asked &&
         (record.override_ == nullptr || record.unloaded) &&
         std::ranges::all_of(record.versions, quiet);
}

ModelEntry ModelTable::Describe(const ModelRecord& record) const {
  ModelEntry entry;
  entry.name = record.name;
  entry.reason = record.reason;
  entry.asked = record.asked;
  entry.failure = record.failure;
  entry.retry_at = record.retry_at;
  for (const auto& [number, version] : record.versions) {
    auto [state, reason] = StateOf(version.facts);
    entry.versions[number] = {state, std::move(reason), version.handle, version.history};
  }
  if (record.listing == nullptr) return entry;
  for (const ScannedVersion& version : record.listing->versions) {
    RepositoryVersion& there = entry.repository.emplace_back(RepositoryVersion{version.number, 0});
    for (const FileState& file : version.files) there.bytes += file.size;
  }
  return entry;
}

void ModelTable::Judge(Catalogue& catalogue) const {
  std::vector<const ModelRecord*> ensembles;
  for (const auto& [name, record] : records_) {
    if (!HasEnsemble(record)) continue;
    ensembles.push_back(&record);
    catalogue.models[name] = Describe(record);  // as it is by itself: the members may have changed
  }
  if (ensembles.empty()) return;
  JudgeEnsembles(catalogue);
  for (const ModelRecord* record : ensembles) {
    for (const auto& [number, version] : catalogue.models.at(record->name).versions) {
      const auto series = deps_.metrics->FindModel(record->name, number);
      if (series != nullptr) series->SetState(VersionStateName(version.state));
    }
  }
}

std::string ModelTable::WhyNotReady(const ModelRecord& record,
                                    const std::vector<ModelHandle>& built) const {
  const bool ensemble = built.empty() ? HasEnsemble(record) : built.front()->is_ensemble();
  if (!ensemble) return "";
  Catalogue next = *catalogue_.Load();
  for (const auto& [name, other] : records_) {
    if (HasEnsemble(other)) next.models[name] = Describe(other);
  }
  ModelEntry& entry = next.models[record.name] = Describe(record);
  for (const ModelHandle& handle : built) {
    entry.versions[handle->version()] = {VersionState::kReady, "", handle};
  }
  JudgeEnsembles(next);
  std::string why;
  for (const auto& [number, version] : entry.versions) {
    const auto at = record.versions.find(number);
    const bool serves = at != record.versions.end() && at->second.facts.live;
    const bool is_new = std::ranges::any_of(
        built, [n = number](const ModelHandle& handle) { return handle->version() == n; });
    if ((serves || is_new) && version.state != VersionState::kReady && why.empty()) {
      why = version.reason;
    }
  }
  return why;
}

bool ModelTable::AllReady(const Catalogue& catalogue) const {
  return mode_ == ControlMode::kDemand || std::ranges::all_of(catalogue.models, [](const auto& m) {
           return !m.second.asked || Usable(m.second);
         });
}

void ModelTable::UpdateMetrics(const ModelRecord& record) const {
  for (const auto& [number, version] : record.versions) {
    const VersionFacts& facts = version.facts;
    const bool gone = !facts.live && !facts.building && facts.retiring == 0 &&
                      version.history == nullptr && (facts.failure.empty() || facts.unloaded);
    if (gone) {
      deps_.metrics->RemoveModel(record.name, number);
    } else if (const auto series = deps_.metrics->FindModel(record.name, number)) {
      // A first load in mode `demand` is LOADING here: a dashboard is no client that must be kept.
      const VersionState state =
          facts.building && !facts.live ? VersionState::kLoading : StateOf(facts).first;
      series->SetState(VersionStateName(state));
    }
  }
}

void ModelTable::Publish(ModelRecord& record) {
  auto next = std::make_shared<Catalogue>(*catalogue_.Load());
  UpdateMetrics(record);
  if (SaysNothing(record)) {
    next->models.erase(record.name);
    records_.erase(std::string(record.name));
  } else {
    next->models[record.name] = Describe(record);
  }
  Judge(*next);
  next->all_ready = AllReady(*next);
  catalogue_.Store(std::move(next));
}

void ModelTable::PublishAll() {
  auto next = std::make_shared<Catalogue>();
  next->listed = true;
  next->loaded = catalogue_.Load()->loaded;
  std::erase_if(records_, [](const auto& item) { return SaysNothing(item.second); });
  for (const auto& [name, record] : records_) {
    UpdateMetrics(record);
    next->models[name] = Describe(record);
  }
  Judge(*next);
  next->all_ready = AllReady(*next);
  catalogue_.Store(std::move(next));
}

void ModelTable::SetLoaded() {
  auto next = std::make_shared<Catalogue>(*catalogue_.Load());
  next->listed = true;
  next->loaded = true;
  next->all_ready = AllReady(*next);
  catalogue_.Store(std::move(next));
}

// ---- versions -----------------------------------------------------------------------------------

void ModelTable::BeginBuild(ModelRecord& record, const std::vector<std::int64_t>& versions) {
  for (const std::int64_t number : versions) {
    VersionFacts& facts = record.versions[number].facts;
    facts.building = true;
    deps_.metrics->AddModel(record.name, number);
  }
}

void ModelTable::EndBuild(ModelRecord& record) {
  for (auto& [number, version] : record.versions) version.facts.building = false;
}

void ModelTable::Install(ModelRecord& record, ModelHandle built, VersionContent content) {
  ModelHandle handle = Track(std::move(built));
  Retire(record, handle->version());
  VersionRecord& version = record.versions[handle->version()];
  deps_.observer->OnReady(handle);
  version.history = handle->history();
  version.handle = std::move(handle);
  Discard(std::exchange(version.saved, nullptr));  // it has it itself
  version.content = std::move(content);
  version.facts.live = true;
  version.facts.unloaded = false;
  version.facts.failure.clear();
}

void ModelTable::Retire(ModelRecord& record, std::int64_t number) {
  const auto at = record.versions.find(number);
  if (at == record.versions.end()) return;
  VersionRecord& version = at->second;
  if (std::exchange(version.history, nullptr) == nullptr) return;  // neither live nor evicted
  version.content = {};
  Discard(std::exchange(version.saved, nullptr));
  if (version.handle != nullptr) Leave(version);
  version.facts.unloaded = true;
}

void ModelTable::Evict(ModelRecord& record, std::int64_t number) {
  VersionRecord& version = record.versions.at(number);
  evicted_.insert(version.handle.get());
  Leave(version);
  version.facts.loadable = true;
}

void ModelTable::Leave(VersionRecord& version) {
  retired_.push_back(std::exchange(version.handle, nullptr));
  version.facts.live = false;
  ++version.facts.retiring;
}

bool ModelTable::AnybodyLeaves() const {
  return std::ranges::any_of(records_, [](const auto& record) {
    return std::ranges::any_of(record.second.versions, [](const auto& version) {
      return version.second.facts.retiring > 0;
    });
  });
}

void ModelTable::Discard(std::shared_ptr<const void> object) {
  if (object == nullptr) return;
  deps_.load->Post([object = std::move(object)]() mutable { object.reset(); });
}

ModelHandle ModelTable::Track(ModelHandle built) {
  const ModelVersion* version = built.get();
  return {version, [this, built = std::move(built)](const ModelVersion*) mutable {
            deps_.control->Post(
                [this, built = std::move(built)]() mutable { Vanish(std::move(built)); });
          }};
}

void ModelTable::Vanish(ModelHandle version) {
  const ModelVersion& gone = *version;
  const bool evicted = evicted_.erase(&gone) > 0;
  deps_.observer->OnGone(gone, [this, evicted, version = std::move(version)]() mutable {
    deps_.load->Post([this, evicted, version = std::move(version)]() mutable {
      Return returned{version->name(), version->version(), nullptr};
      if (evicted) returned.saved = deps_.save(*version);
      version.reset();  // the memory is back before anybody is told
      deps_.control->Post(
          [this, returned = std::move(returned)]() mutable { Returned(std::move(returned)); });
    });
  });
}

void ModelTable::Returned(Return returned) {
  if (ModelRecord* record = Find(returned.model)) {
    const auto at = record->versions.find(returned.version);
    if (at != record->versions.end()) {
      VersionRecord& version = at->second;
      --version.facts.retiring;
      // Unless it has been unloaded, or loaded anew, meanwhile.
      if (version.facts.loadable && !version.facts.live) std::swap(version.saved, returned.saved);
      Publish(*record);
    }
  }
  Discard(std::move(returned.saved));
  deps_.on_returned(returned.model);
}

}  // namespace hadron::model
