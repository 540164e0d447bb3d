#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/model_version.h"

namespace hadron::model {

/// One version in the catalogue.
struct VersionEntry {
  VersionState state = VersionState::kUnknown;
  std::string reason;  ///< why it is not READY; empty otherwise
  ModelHandle handle;  ///< set while READY
};

/// One model of the repositories, loaded or not.
struct ModelEntry {
  std::string name;
  /// Why the model as a whole cannot be used (bad configuration, two repositories); then it has
  /// no versions.
  std::string reason;
  std::map<std::int64_t, VersionEntry> versions;
};

/// Everything the repositories hold and the state of it: an immutable snapshot, replaced as a
/// whole by ModelManager. Readers never lock.
struct Catalogue {
  std::map<std::string, ModelEntry, std::less<>> models;
  bool loaded = false;  ///< the start-up loads have all ended, well or not
  /// Every version the server was asked to serve is READY (a model with no usable version spoils
  /// it, one that was unloaded on purpose does not).
  bool all_ready = false;
};

}  // namespace hadron::model
