#include "model/model_manager.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusOr;

bool Usable(const ModelEntry& model) {
  return std::ranges::all_of(model.versions, [](const auto& item) {
    return item.second.state == VersionState::kReady || item.second.reason == "unloaded";
  });
}

}  // namespace

/// The start-up loads: what is to be loaded, and how much of it is still out. `sources` and
/// `failures` are written by the scan, then by the control thread only.
struct ModelManager::Startup {
  base::UniqueFunction<void(Status)> done;
  Status scan;
  std::map<std::string, StatusOr<VersionLoader::Source>> sources;
  std::size_t outstanding = 0;
  std::vector<std::string> failures;
};

ModelManager::ModelManager(Options options, Dependencies dependencies, Observer& observer)
    : options_(std::move(options)),
      deps_(std::move(dependencies)),
      observer_(observer),
      catalogue_(std::make_shared<const Catalogue>()) {}

void ModelManager::Update(const std::function<void(Catalogue&)>& change) {
  auto next = std::make_shared<Catalogue>(*catalogue_.Load());
  change(*next);
  next->all_ready = std::ranges::all_of(next->models, [](const auto& item) {
    return item.second.reason.empty() && Usable(item.second);
  });
  catalogue_.Store(std::move(next));
}

void ModelManager::Start(base::UniqueFunction<void(Status)> done) {
  auto startup = std::make_shared<Startup>();
  startup->done = std::move(done);
  deps_.load->Post([this, startup] { Scan(startup); });
}

void ModelManager::Scan(const std::shared_ptr<Startup>& startup) {
  auto scan = model::Scan(deps_.stores, {.model_config_name = options_.model_config_name});
  if (!scan.ok()) {
    startup->scan = std::move(scan).status();
  } else {
    for (const auto& [name, model] : scan->models) {
      for (const std::string& directory : model.skipped_directories) {
        base::LogWarning("not a version directory, skipped",
                         {{"model", name}, {"directory", directory}});
      }
      startup->sources.emplace(name, deps_.loader->Identify(model));
    }
  }
  deps_.control->Post([this, startup] { Announce(startup); });
}

void ModelManager::Announce(const std::shared_ptr<Startup>& startup) {
  Update([&](Catalogue& catalogue) {
    for (auto& [name, source] : startup->sources) {
      ModelEntry& entry = catalogue.models[name];
      entry.name = name;
      if (!source.ok()) {
        entry.reason = source.message();
        startup->failures.push_back(fmt::format("model '{}': {}", name, entry.reason));
        base::LogError("model cannot be loaded", {{"model", name}, {"reason", entry.reason}});
        continue;
      }
      for (const std::int64_t version : source->versions) {
        entry.versions[version].state = VersionState::kLoading;
        ++startup->outstanding;
      }
    }
  });
  if (startup->outstanding == 0) return Finish(startup);
  for (auto& [name, source] : startup->sources) {
    if (!source.ok()) continue;
    for (const std::int64_t version : source->versions) {
      const auto load = [this, startup, &source = *source, name, version] {
        auto result = deps_.loader->Load(source, version);
        deps_.control->Post([this, startup, name, version, result = std::move(result)]() mutable {
          Settle(startup, name, version, std::move(result));
        });
      };
      deps_.load->Post(load);
    }
  }
}

void ModelManager::Settle(const std::shared_ptr<Startup>& startup, const std::string& model,
                          std::int64_t version, StatusOr<ModelHandle> result) {
  if (result.ok()) {
    observer_.OnReady(*result);
    base::LogInfo("model ready",
                  {{"model", model}, {"version", version}, {"seconds", (*result)->load_seconds()}});
  } else {
    startup->failures.push_back(
        fmt::format("model '{}' version {}: {}", model, version, result.message()));
    base::LogError("model failed to load",
                   {{"model", model}, {"version", version}, {"reason", result.message()}});
  }
  Update([&](Catalogue& catalogue) {
    VersionEntry& entry = catalogue.models[model].versions[version];
    if (result.ok()) {
      entry = {VersionState::kReady, "", *result};
    } else {
      entry = {VersionState::kUnavailable, result.message(), nullptr};
    }
  });
  if (--startup->outstanding == 0) Finish(startup);
}

void ModelManager::Finish(const std::shared_ptr<Startup>& startup) {
  Update([](Catalogue& catalogue) { catalogue.loaded = true; });
  Status status = std::move(startup->scan);
  if (status.ok() && !startup->failures.empty()) {
    status = base::InvalidArgument(fmt::format("{} of the models failed to load: {}",
                                               startup->failures.size(),
                                               base::Join(startup->failures, "; ")));
  }
  startup->done(std::move(status));
}

StatusOr<ModelHandle> ModelManager::Acquire(std::string_view name,
                                            std::optional<std::int64_t> version) const {
  const auto catalogue = catalogue_.Load();
  const auto it = catalogue->models.find(name);
  if (it == catalogue->models.end()) {
    return base::NotFound(fmt::format("Request for unknown model: '{}' is not found", name));
  }
  const auto& versions = it->second.versions;
  if (!version) {
    for (auto v = versions.rbegin(); v != versions.rend(); ++v) {
      if (v->second.state == VersionState::kReady) return v->second.handle;
    }
    return base::NotFound(
        fmt::format("Request for unknown model: '{}' has no available versions", name));
  }
  const auto found = versions.find(*version);
  if (found == versions.end()) {
    return base::NotFound(
        fmt::format("Request for unknown model: '{}' version {} is not found", name, *version));
  }
  if (found->second.state != VersionState::kReady) {
    return base::Unavailable(fmt::format(
        "Request for unknown model: '{}' version {} is not at ready state", name, *version));
  }
  return found->second.handle;
}

}  // namespace hadron::model
