#include "protocol/server_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace hadron::protocol {
namespace {

using model::VersionState;

void AppendEntries(const model::ModelEntry& entry, bool ready_only, std::vector<IndexEntry>& out) {
  bool listed = false;
  for (const auto& [number, version] : entry.versions) {
    if (version.state == VersionState::kUnknown) continue;  // nobody asked for it yet
    listed = true;
    if (ready_only && version.state != VersionState::kReady) continue;
    out.push_back({entry.name, std::to_string(number),
                   std::string(model::VersionStateName(version.state)), version.reason});
  }
  if (listed || ready_only) return;
  const bool unusable = !entry.reason.empty();
  out.push_back({entry.name, "", unusable ? "UNAVAILABLE" : "", entry.reason});
}

void AppendReady(const model::ModelEntry& entry, std::vector<StatisticsTarget>& out) {
  for (const auto& [number, version] : entry.versions) {
    if (version.state == VersionState::kReady) {
      out.push_back({entry.name, number, version.handle, version.history});
    }
  }
}

}  // namespace

bool ServerState::Ready(const model::Catalogue& catalogue) const {
  if (draining() || exiting() || !catalogue.loaded) return false;
  return !strict_readiness_ || catalogue.all_ready;
}

base::Status ServerState::CheckServing() const {
  if (!exiting()) return base::OkStatus();
  refusals_.fetch_add(1);
  return base::Unavailable(std::string(kServerExiting), base::RefusalCause::kDraining);
}

std::vector<std::string> ServerState::ImplementedExtensions() {
  return {"classification",
          "sequence",
          "sequence(string_id)",
          "model_repository",
          "model_repository(unload_dependents)",
          "model_configuration",
          "binary_tensor_data",
          "parameters",
          "statistics",
          "hadron"};
}

std::vector<IndexEntry> RepositoryIndex(const model::Catalogue& catalogue, bool ready_only) {
  std::vector<IndexEntry> index;
  for (const auto& [name, entry] : catalogue.models) AppendEntries(entry, ready_only, index);
  return index;
}

std::vector<std::int64_t> ReadyVersions(const model::ModelEntry& model) {
  std::vector<std::int64_t> versions;
  for (const auto& [number, version] : model.versions) {
    if (version.state == VersionState::kReady) versions.push_back(number);
  }
  return versions;
}

base::StatusOr<std::vector<StatisticsTarget>> StatisticsTargets(
    const model::Catalogue& catalogue, std::string_view name, std::optional<std::int64_t> version) {
  std::vector<StatisticsTarget> targets;
  if (name.empty()) {
    for (const auto& [key, entry] : catalogue.models) AppendReady(entry, targets);
    return targets;
  }
  const std::string quoted = base::EscapeControl(name);
  const auto entry = catalogue.models.find(name);
  if (entry == catalogue.models.end()) {
    return base::NotFound(fmt::format("requested model '{}' is not available", quoted));
  }
  AppendReady(entry->second, targets);
  if (!version) return targets;
  std::erase_if(targets,
                [&](const StatisticsTarget& target) { return target.version != *version; });
  if (targets.empty()) {
    return base::NotFound(
        fmt::format("requested model version is not available for model '{}'", quoted));
  }
  return targets;
}

model::StatisticsSnapshot StatisticsTarget::Read() const {
  return history == nullptr ? model::StatisticsSnapshot() : history->statistics.Snapshot();
}

std::string PlatformOf(const model::ModelVersion& version) {
  const config::ModelConfig& config = version.config();
  return config.platform().empty() ? config.backend() : config.platform();
}

base::StatusOr<std::optional<std::int64_t>> ParseVersion(std::string_view text,
                                                         std::string_view message) {
  if (text.empty()) return std::optional<std::int64_t>();
  const bool digits =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const auto version = base::ParseInt64(text);
  if (!digits || !version) {
    return base::InvalidArgument(
        fmt::format("{}: '{}' is not a version number", message, base::EscapeControl(text)));
  }
  return std::optional<std::int64_t>(*version);
}

}  // namespace hadron::protocol
