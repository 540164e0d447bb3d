#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "model/reload_policy.h"
#include "model/repository.h"
#include "storage/object_store.h"

namespace hadron::model {

/// A file of a load call, in place of the repository's.
struct OverrideFile {
  std::string path;  ///< relative to the model's directory: "1/model.onnx"
  base::IoBuf bytes;
};

/// A load by call.
struct LoadRequest {
  std::string name;
  std::optional<std::string> config_json = {};     ///< in place of config.pbtxt
  std::vector<OverrideFile> files = {};            ///< in place of everything the repository has
  std::optional<ReloadPolicy> reload_policy = {};  ///< in place of the server's

  bool overrides() const { return config_json.has_value() || !files.empty(); }
};

/// The load parameter of that name, in every protocol.
inline constexpr std::string_view kReloadPolicyParameter = "reload_policy";
base::Status SetReloadPolicy(std::string_view text, LoadRequest& request);
/// INVALID_ARGUMENT that says which there are.
base::Status UnknownLoadParameter(std::string_view name);

/// INVALID_ARGUMENT, with the protocol's texts, for a name that could mean another place.
base::Status CheckModelName(std::string_view name);

/// INVALID_ARGUMENT, with the protocol's texts, for a name or a path that could leave the model's
/// directory, files without a configuration, and a configuration that is no JSON of one.
base::Status CheckLoadRequest(const LoadRequest& request);

/// What a load call gave in place of the repository's content: a configuration and perhaps files,
/// which lie in a private temporary directory that goes with the object (its death writes to the
/// disk: load threads only). Immutable; thread-safe.
class LoadOverride {
 public:
  /// Opens a directory of this machine as a store.
  using OpenDirectory =
      std::function<base::StatusOr<std::unique_ptr<storage::ObjectStore>>(std::string)>;

  static base::StatusOr<std::shared_ptr<const LoadOverride>> Create(LoadRequest request,
                                                                    const OpenDirectory& open);
  explicit LoadOverride(LoadRequest request) : request_(std::move(request)) {}  ///< through Create
  ~LoadOverride();
  LoadOverride(const LoadOverride&) = delete;
  LoadOverride& operator=(const LoadOverride&) = delete;

  /// The model's listing as the load is to see it. `stores` are the repositories.
  base::StatusOr<ScannedModel> Listing(std::span<storage::ObjectStore* const> stores,
                                       const ScanOptions& options) const;

 private:
  base::Status WriteFiles(const OpenDirectory& open);

  LoadRequest request_;  ///< without the files' bytes
  std::string directory_;
  std::unique_ptr<storage::ObjectStore> store_;  ///< null without files
};

}  // namespace hadron::model
