#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/status.h"
#include "config/raw_config.h"
#include "model/model_version.h"
#include "model/reload_policy.h"
#include "model/repository.h"
#include "model/saved_version.h"

namespace hadron::model {

/// A model whose configuration has been read and whose versions have been chosen.
struct LoadSource {
  ScannedModel model;
  std::shared_ptr<const config::RawConfig> config;
  std::vector<std::int64_t> versions;  ///< by the version policy, ascending
  /// Of versions that have been here before and go on where they were.
  std::map<std::int64_t, std::shared_ptr<VersionHistory>> histories = {};
  /// Versions that serve until those of the same number that are to be loaded take their places,
  /// and what becomes of them where memory does not hold both.
  std::map<std::int64_t, ModelHandle> replaced = {};
  ReloadPolicy reload_policy = ReloadPolicy::kKeepOld;
  Rung rung = Rung::kResident;  ///< how far the versions are to be loaded
  /// Versions that are compiled and have only to be tried out.
  std::map<std::int64_t, ModelHandle> compiled = {};
  /// Of versions that have left host memory: what they come back from, the same bytes.
  std::map<std::int64_t, std::shared_ptr<const SavedVersion>> saved = {};
  /// The others must be what the listing says: files that have changed since then fail the load.
  bool as_listed = false;

  /// A new one for the others.
  std::shared_ptr<VersionHistory> HistoryOf(std::int64_t version) const {
    const auto at = histories.find(version);
    return at == histories.end() ? std::make_shared<VersionHistory>() : at->second;
  }
  /// Whether the one that the version replaces would leave host memory for it.
  bool SwapsOut(std::int64_t version) const {
    return reload_policy == ReloadPolicy::kSwapOutFirst && replaced.contains(version);
  }
  /// Null when there is none.
  const Residence* ReplacedBy(std::int64_t version) const {
    const auto at = replaced.find(version);
    const bool has_weights = at != replaced.end() && !at->second->is_ensemble();
    return has_weights ? &at->second->residence() : nullptr;
  }
};

/// Makes versions of what a scan found. VersionLoader is the real one; tests of the life cycle have
/// another, which loads nothing. Thread-safe; blocks (load threads only).
class Loader {
 public:
  virtual ~Loader() = default;

  /// What can be said without opening the model's file. The failure is the model's reason.
  virtual base::StatusOr<LoadSource> Identify(const ScannedModel& model) const = 0;

  /// Loads one version; the message of a failure does not repeat model and version. Ends early with
  /// CANCELLED once `cancelled` is set, which is looked at between the phases of the load.
  virtual base::StatusOr<ModelHandle> Load(const LoadSource& source, std::int64_t version,
                                           const std::atomic<bool>& cancelled) const = 0;

  /// What a version that leaves host memory can come back from; null when that cannot be had (the
  /// log says why): then it comes back from its files.
  virtual std::shared_ptr<const SavedVersion> Save(const ModelVersion& version) const = 0;
};

}  // namespace hadron::model
