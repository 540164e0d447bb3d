#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "model/catalogue.h"
#include "model/residency_manager.h"
#include "protocol/activity.h"
#include "protocol/rest_frontend.h"
#include "protocol/server_state.h"
#include "tenancy/tenants.h"

/// JSON bodies of the endpoints below /v2/hadron, made of snapshots alone.
namespace hadron::protocol {

/// A tenant as the status shows it.
struct TenantStatus {
  const tenancy::Tenant* tenant = nullptr;
  std::uint64_t device_ns = 0;       ///< since the start
  std::uint64_t resident_bytes = 0;  ///< of models on the device
};

/// What the status is made of.
struct StatusFacts {
  std::int64_t time_ms = 0;
  std::int64_t uptime_s = 0;
  const ServerState* state = nullptr;
  const model::Catalogue* catalogue = nullptr;  ///< null before the models are known
  const Activity* activity = nullptr;           ///< null: not measured
  const model::ResidencyManager::Picture* residency = nullptr;  ///< null: not known
  std::string_view control_mode{};
  std::uint64_t inflight = 0;
  std::optional<std::vector<TenantStatus>> tenants{};  ///< nothing: not for who asks
  std::vector<DeviceStatus> devices{};
  const std::vector<model::ResidencyManager::Slab>* slabs = nullptr;  ///< null: not asked for
};

struct StatusBody {
  std::string json;
  std::string etag;  ///< weak; the same while nothing but the time has changed
};

StatusBody StatusJson(const StatusFacts& facts);

/// The version that a request without one gets, or would get; null when there is none.
const std::pair<const std::int64_t, model::VersionEntry>* NewestVersion(
    const model::ModelEntry& model);

/// NOT_FOUND "Request for unknown model: '<m>' is not found".
base::Status UnknownModel(std::string_view name);

/// Why a model is not ready and what getting it ready would take. `residency` may be null.
std::string ExplainJson(const model::ModelEntry& model, const model::ResidencyManager* residency);

}  // namespace hadron::protocol
