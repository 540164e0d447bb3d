#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/model_version.h"

namespace hadron::model {

/// One version in the catalogue.
struct VersionEntry {
  VersionState state = VersionState::kUnknown;
  std::string reason;  ///< why it is not READY; empty otherwise
  /// Set while the version is loaded and READY. A READY version may have none (not loaded yet in
  /// control mode `demand`, or evicted from memory): its next use loads it.
  ModelHandle handle = {};
  /// What it has done so far; null where it was never loaded.
  std::shared_ptr<const VersionHistory> history = {};
};

/// A version that a repository holds, served or not.
struct RepositoryVersion {
  std::int64_t number = 0;
  std::uint64_t bytes = 0;  ///< of its files
};

/// One model of the repositories, loaded or not.
struct ModelEntry {
  std::string name;
  /// Why the model as a whole cannot be used (bad configuration, two repositories); then it has
  /// no versions.
  std::string reason;
  std::map<std::int64_t, VersionEntry> versions = {};
  std::vector<RepositoryVersion> repository = {};  ///< ascending
  bool asked = true;  ///< the server was asked to serve it; others do not count for readiness
  /// How the last load on use failed, and when a request may bring about the next attempt.
  std::string failure = {};
  base::TimePoint retry_at = {};
};

/// Everything the repositories hold and the state of it: an immutable snapshot, replaced as a
/// whole by ModelManager. Readers never lock.
struct Catalogue {
  std::map<std::string, ModelEntry, std::less<>> models;
  bool listed = false;  ///< the repositories have been listed once, well or not
  bool loaded = false;  ///< the start-up loads have all ended, well or not
  /// Every version the server was asked to serve is READY (a model with no usable version spoils
  /// it, one that was unloaded on purpose does not). Always true in mode `demand`.
  bool all_ready = false;
};

}  // namespace hadron::model
