#include "protocol/rest/hadron_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "protocol/rest/json_writer.h"

namespace hadron::protocol {
namespace {

using model::ModelEntry;
using model::VersionEntry;
using model::VersionState;

constexpr std::size_t kEtagDigits = 16;

std::int64_t Microseconds(double seconds) { return std::llround(seconds * 1e6); }

/// Numbers of versions in the list of models, by what holds their weights.
using ModelIndices = std::map<const model::Residence*, std::size_t>;

/// Ensembles have none.
bool HasWeights(const VersionEntry& version) {
  return version.handle != nullptr && !version.handle->is_ensemble();
}

ModelIndices IndexModels(const model::Catalogue& catalogue) {
  ModelIndices indices;
  std::size_t next = 0;
  for (const auto& [name, entry] : catalogue.models) {
    if (entry.versions.empty()) ++next;
    for (const auto& [number, version] : entry.versions) {
      if (HasWeights(version)) indices[&version.handle->residence()] = next;
      ++next;
    }
  }
  return indices;
}

void WriteSlabs(JsonWriter& json, const StatusFacts& facts) {
  if (facts.slabs == nullptr || facts.catalogue == nullptr) return;
  const ModelIndices indices = IndexModels(*facts.catalogue);
  json.Key("slabs").BeginArray();
  for (const auto& slab : *facts.slabs) {
    json.BeginObject().Key("bytes").Int(slab.bytes).Key("ranges").BeginArray();
    for (const auto& range : slab.ranges) {
      const auto at = indices.find(range.holder);
      if (at == indices.end()) continue;  // on its way in or out of the list
      json.BeginArray().Int(range.offset).Int(range.bytes).Int(at->second).EndArray();
    }
    json.EndArray().EndObject();
  }
  json.EndArray();
}

void WriteDevices(JsonWriter& json, const StatusFacts& facts) {
  json.Key("devices").BeginArray();
  for (const DeviceStatus& device : facts.devices) {
    json.BeginObject().Key("id").String(device.id).Key("name").String(device.name);
    json.Key("kind").String(device.kind).Key("memory_total").Int(device.memory_total);
    json.Key("budget").Int(device.budget).Key("reserved").Int(device.reserved);
    json.Key("busy_ratio").Raw(fmt::format("{:.4f}", device.busy_ratio));
    WriteSlabs(json, facts);
    json.EndObject();
  }
  json.EndArray();
}

void WriteActivity(JsonWriter& json, const VersionActivity& activity) {
  json.Key("requests_per_s").Raw(fmt::format("{:.2f}", activity.requests_per_s));
  json.Key("device_share").Raw(fmt::format("{:.4f}", activity.device_share));
  if (activity.p50_seconds) json.Key("p50_us").Int(Microseconds(*activity.p50_seconds));
  if (activity.p99_seconds) json.Key("p99_us").Int(Microseconds(*activity.p99_seconds));
}

/// "resident", "compiled" or "catalogued".
std::string_view Rung(const model::ResidencyManager::View* view) {
  if (view == nullptr) return "catalogued";
  return view->resident ? "resident" : "compiled";
}

void WriteMilliseconds(JsonWriter& json, std::string_view key, std::optional<double> seconds) {
  if (seconds) json.Key(key).Raw(fmt::format("{:.2f}", *seconds * 1e3));
}

/// Bytes on each rung, and what coming back from there takes, as far as either is known.
void WriteRungs(JsonWriter& json, const model::ResidencyManager::View& view,
                const model::ModelVersion& version, const model::RepositoryVersion* files) {
  using telemetry::LoadSource;
  const telemetry::ModelMetrics& metrics = version.metrics();
  json.Key("bytes").BeginObject().Key("resident").Int(view.resident_bytes);
  json.Key("host").Int(view.host_bytes);
  const auto local = metrics.load_time(LoadSource::kLocal);
  if (version.on_disk()) {
    json.Key("disk").Int(version.on_disk()->value());
  } else if (local && files != nullptr) {
    json.Key("disk").Int(files->bytes);
  }
  json.EndObject().Key("shared_bytes").Int(view.shared_bytes);
  json.Key("host_shared_bytes").Int(view.host_shared_bytes);
  json.Key("restore_ms").BeginObject();
  if (!view.in_host_memory) WriteMilliseconds(json, "host", view.restore_seconds);
  WriteMilliseconds(json, "disk", local ? local : metrics.load_time(LoadSource::kDisk));
  WriteMilliseconds(json, "store", metrics.load_time(LoadSource::kObjectStore));
  json.EndObject();
}

void WriteResidency(JsonWriter& json, const model::ResidencyManager::View& view) {
  json.Key("pinned").Bool(view.pinned).Key("restoring").Bool(view.restoring);
  json.Key("waiting").Bool(view.waiting);
}

const model::RepositoryVersion* FilesOf(const ModelEntry& model, std::int64_t number) {
  const auto at = std::ranges::find(model.repository, number, &model::RepositoryVersion::number);
  return at == model.repository.end() ? nullptr : &*at;
}

const model::ResidencyManager::View* ViewOf(const model::ResidencyManager::Picture* picture,
                                            const VersionEntry& version) {
  if (picture == nullptr || !HasWeights(version)) return nullptr;
  const auto at = picture->find(&version.handle->residence());
  return at == picture->end() ? nullptr : &at->second;
}

/// The models of an ensemble's steps.
void WriteSteps(JsonWriter& json, const config::EnsembleScheduling& ensemble) {
  json.Key("ensemble").BeginArray();
  for (const config::EnsembleStep& step : ensemble.steps) json.String(step.model);
  json.EndArray();
}

void WriteVersion(JsonWriter& json, const ModelEntry& model, std::int64_t number,
                  const VersionEntry& version, const StatusFacts& facts) {
  const Activity* const activity = facts.activity;
  json.BeginObject().Key("name").String(model.name);
  json.Key("version").String(std::to_string(number));
  json.Key("state").String(model::VersionStateName(version.state));
  json.Key("reason").String(version.reason);
  json.Key("loaded").Bool(version.handle != nullptr);
  const auto* const view = ViewOf(facts.residency, version);
  const bool ensemble = version.handle != nullptr && version.handle->is_ensemble();
  if (ensemble) {
    json.Key("residency").String("none");
    WriteSteps(json, *version.handle->config().ensemble());
  } else if (facts.residency != nullptr) {
    json.Key("residency").String(Rung(view));
  }
  if (view != nullptr) WriteResidency(json, *view);
  if (view != nullptr) {
    WriteRungs(json, *view, *version.handle, FilesOf(model, number));
  }
  if (version.handle != nullptr) {
    const telemetry::ModelMetrics& metrics = version.handle->metrics();
    json.Key("queue").Int(metrics.pending.value());
    json.Key("inflight")
        .Int(std::max<std::int64_t>(0, metrics.pending.value() + metrics.running.value()));
    json.Key("last_used_ms").Int(version.handle->statistics().Snapshot().last_inference_ms);
    const auto at = activity == nullptr ? Activity::const_iterator()
                                        : activity->find(std::pair(model.name, number));
    if (activity != nullptr && at != activity->end()) WriteActivity(json, at->second);
  }
  json.EndObject();
}

void WriteTenants(JsonWriter& json, const std::vector<TenantStatus>& tenants) {
  json.Key("tenants").BeginArray();
  for (const auto& [tenant, device_ns, resident_bytes] : tenants) {
    json.BeginObject().Key("name").String(tenant->name());
    json.Key("weight").Raw(fmt::format("{}", tenant->weight()));
    json.Key("class").String(tenancy::WorkClassName(tenant->default_class()));
    json.Key("outstanding").Int(tenant->outstanding());
    json.Key("queued_bytes").Int(tenant->queued_bytes());
    json.Key("refused").Int(tenant->refused());
    json.Key("resident_bytes").Int(resident_bytes);
    json.Key("device_seconds").Raw(fmt::format("{:.6f}", static_cast<double>(device_ns) / 1e9));
    json.EndObject();
  }
  json.EndArray();
}

void WriteModels(JsonWriter& json, const StatusFacts& facts) {
  json.Key("models").BeginArray();
  for (const auto& [name, model] : facts.catalogue->models) {
    if (model.versions.empty()) {
      json.BeginObject().Key("name").String(name).Key("version").String("");
      json.Key("state").String(model.reason.empty() ? "" : "UNAVAILABLE");
      json.Key("reason").String(model.reason).Key("loaded").Bool(false).EndObject();
    }
    for (const auto& [number, version] : model.versions) {
      WriteVersion(json, model, number, version, facts);
    }
  }
  json.EndArray();
}

std::string Sentence(const ModelEntry& model, VersionState state, const std::string& reason,
                     bool loaded) {
  if (!reason.empty()) return fmt::format("'{}' is not ready: {}", model.name, reason);
  switch (state) {
    case VersionState::kReady:
      return loaded ? fmt::format("'{}' is loaded and answers", model.name)
                    : fmt::format("'{}' is not loaded; its first request loads it", model.name);
    case VersionState::kLoading:
      return fmt::format("'{}' is being loaded", model.name);
    case VersionState::kUnloading:
      return fmt::format("'{}' is being unloaded: it answers what it has accepted", model.name);
    case VersionState::kUnavailable:
    case VersionState::kUnknown:
      break;
  }
  return fmt::format("'{}' is in the repository and nobody has asked for it; load it", model.name);
}

/// What bringing a loaded model onto the device takes; returns it in words.
std::string WriteForecast(JsonWriter& json, const model::ResidencyManager::Forecast& forecast) {
  const bool there = forecast.missing_bytes == 0;
  json.Key("residency").String(there ? "resident" : "compiled");
  json.Key("steps").BeginArray();
  if (!there) {
    json.BeginObject().Key("rung").String("resident").Key("bytes").Int(forecast.missing_bytes);
    json.Key("estimated_ms").Raw(fmt::format("{:.2f}", forecast.restore_seconds * 1e3));
    if (forecast.blocked) json.Key("blocked_by").String("nobody may be evicted");
    json.EndObject();
  }
  json.EndArray().Key("victims").BeginArray();
  for (const std::string& victim : forecast.victims) json.String(victim);
  json.EndArray();
  if (there) return "; its weights are on the device";
  std::string text =
      fmt::format("; its weights are in host memory: {} to copy, about {:.0f} ms",
                  base::HumanBytes(forecast.missing_bytes), forecast.restore_seconds * 1e3);
  if (!forecast.victims.empty()) {
    text += fmt::format("; for it would leave: {}", base::Join(forecast.victims, ", "));
  }
  if (forecast.blocked) text += "; there is no room, and just now nobody may be evicted";
  return text;
}

}  // namespace

const std::pair<const std::int64_t, VersionEntry>* NewestVersion(const ModelEntry& model) {
  const std::pair<const std::int64_t, VersionEntry>* newest = nullptr;
  for (const auto& item : model.versions) {
    const bool ready = item.second.state == VersionState::kReady;
    if (newest == nullptr || ready || newest->second.state != VersionState::kReady) newest = &item;
  }
  return newest;
}

base::Status UnknownModel(std::string_view name) {
  return base::NotFound(
      fmt::format("Request for unknown model: '{}' is not found", base::EscapeControl(name)));
}

StatusBody StatusJson(const StatusFacts& facts) {
  JsonWriter json;
  json.BeginObject().Key("version").String(facts.state->info().version);
  json.Key("name").String(facts.state->info().name);
  json.Key("draining").Bool(facts.state->draining());
  json.Key("ready").Bool(facts.catalogue != nullptr && facts.state->Ready(*facts.catalogue));
  json.Key("control_mode").String(facts.control_mode);
  json.Key("inflight").Int(facts.inflight);
  WriteDevices(json, facts);
  if (facts.catalogue != nullptr) WriteModels(json, facts);
  if (facts.tenants) WriteTenants(json, *facts.tenants);
  json.EndObject();
  const std::string rest = json.Take();
  StatusBody body;
  const std::string digest =
      base::ToHex(base::Sha256::Of(std::as_bytes(std::span(std::string_view(rest)))));
  body.etag = fmt::format("W/\"{}\"", std::string_view(digest).substr(0, kEtagDigits));
  body.json = fmt::format("{{\"time_ms\":{},\"uptime_s\":{},{}", facts.time_ms, facts.uptime_s,
                          std::string_view(rest).substr(1));
  return body;
}

std::string ExplainJson(const ModelEntry& model, const model::ResidencyManager* residency) {
  const auto* newest = NewestVersion(model);
  const VersionState state = newest == nullptr ? VersionState::kUnknown : newest->second.state;
  const bool loaded = newest != nullptr && newest->second.handle != nullptr;
  std::string reason = model.reason;
  if (reason.empty() && newest != nullptr) reason = newest->second.reason;
  if (reason.empty()) reason = loaded ? "" : model.failure;
  JsonWriter json;
  json.BeginObject().Key("name").String(model.name);
  json.Key("version").String(newest == nullptr ? "" : std::to_string(newest->first));
  json.Key("state").String(model::VersionStateName(state)).Key("reason").String(reason);
  json.Key("loaded").Bool(loaded).Key("versions").BeginArray();
  for (const model::RepositoryVersion& version : model.repository) {
    json.BeginObject().Key("version").String(std::to_string(version.number));
    json.Key("bytes").Int(version.bytes).EndObject();
  }
  json.EndArray();
  std::string text = Sentence(model, state, reason, loaded);
  if (loaded && newest->second.handle->is_ensemble()) {
    const config::EnsembleScheduling& ensemble = *newest->second.handle->config().ensemble();
    json.Key("residency").String("none");
    WriteSteps(json, ensemble);
    std::vector<std::string> models;
    for (const config::EnsembleStep& step : ensemble.steps) models.push_back(step.model);
    text += fmt::format("; it is an ensemble and has no weights: its steps run {}; ask for those",
                        base::Join(models, ", "));
  } else if (loaded && residency != nullptr) {
    text += WriteForecast(json, residency->Foresee(*newest->second.handle));
  }
  json.Key("text").String(text).EndObject();
  return json.Take();
}

}  // namespace hadron::protocol
