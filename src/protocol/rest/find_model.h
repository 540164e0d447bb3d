#pragma once

#include "base/status.h"
#include "model/model_manager.h"
#include "protocol/rest/router.h"
#include "protocol/server_state.h"

namespace hadron::protocol {

inline base::StatusOr<std::optional<std::int64_t>> VersionOf(const Route& route) {
  return ParseVersion(route.version, "failed to get model version from specified version string");
}

/// ModelManager::Find for a route's model and version.
inline base::StatusOr<model::ModelHandle> FindModel(const Route& route,
                                                    const model::ModelManager& models) {
  HADRON_ASSIGN_OR_RETURN(const auto version, VersionOf(route));
  return models.Find(route.model, version);
}

/// The same, and whether waiting for it may help.
inline model::ModelManager::Lookup LookUpModel(const Route& route,
                                               const model::ModelManager& models) {
  auto version = VersionOf(route);
  if (!version.ok()) return {std::move(version).status()};
  return models.LookUp(route.model, *version);
}

}  // namespace hadron::protocol
