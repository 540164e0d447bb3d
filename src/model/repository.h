#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/complete.h"
#include "config/model_config.h"
#include "storage/object_store.h"

namespace hadron::model {

/// What tells one content of a file from another without reading it.
struct FileState {
  std::string name;  ///< relative to the model's directory: "1/model.onnx"
  std::uint64_t size = 0;
  std::string tag;

  bool operator==(const FileState&) const = default;
};

struct ScannedVersion {
  std::int64_t number = 0;
  std::vector<std::string> entries;  ///< direct children of the directory, sorted
  std::vector<FileState> files;  ///< everything below it, in an order of its own that does not vary

  bool operator==(const ScannedVersion&) const = default;
};

/// One model's directory as a scan found it.
struct ScannedModel {
  std::string name;
  storage::ObjectStore* store = nullptr;  ///< null when there are several
  std::string location;                   ///< for messages: "/models/digits"
  std::vector<ScannedVersion> versions;   ///< ascending by number
  /// "config.pbtxt", "configs/<name>.pbtxt", kOverrideConfig, or "".
  std::string config_file;
  std::string config_text;
  std::vector<FileState> files;  ///< outside version directories: configuration, labels, warm-up
  std::string reason;            ///< why it cannot be loaded; empty otherwise
  /// Directories that look like nothing a model has; worth a warning when the model is loaded.
  std::vector<std::string> skipped_directories;

  std::vector<std::int64_t> version_numbers() const;
  const ScannedVersion* FindVersion(std::int64_t number) const;
  /// What config::Identify needs: the lexically first version's files.
  config::ModelDirectory directory() const;
};

/// In place of a file's name: the configuration is JSON that came with a load call.
inline constexpr std::string_view kOverrideConfig = "the config override";

/// What the repositories hold at one moment. Immutable once made.
struct ScanResult {
  std::map<std::string, ScannedModel, std::less<>> models;
};

struct ScanOptions {
  /// Use `configs/<name>.pbtxt` where there is one.
  std::string model_config_name{};
  /// What an earlier scan found: configurations that have not changed are not read again.
  const ScanResult* previous = nullptr;
};

/// Lists every store, remote ones by one listing of everything. One model's trouble is its
/// `reason`; a store that cannot be listed at all fails the scan. A name in two stores is
/// unavailable. Blocks on the stores; any thread.
///
///     HADRON_ASSIGN_OR_RETURN(ScanResult scan, Scan(stores, {}));
///     const ScannedModel& digits = scan.models.at("digits");
base::StatusOr<ScanResult> Scan(std::span<storage::ObjectStore* const> stores,
                                const ScanOptions& options);

/// Lists one model. NOT_FOUND when no store has it; a model's own trouble is its `reason`. Blocks.
base::StatusOr<ScannedModel> ScanOne(std::span<storage::ObjectStore* const> stores,
                                     const std::string& name, const ScanOptions& options);

/// The number that a directory's name is, if it is one: decimal, without leading zero.
std::optional<std::int64_t> ParseVersion(std::string_view directory);

/// The model's file inside a version, relative to the model's directory: "1/model.onnx", or
/// "1/model.onnx/model.onnx" when that is a directory (its external data lies beside the file).
/// NOT_FOUND names what the directory has instead.
base::StatusOr<std::string> FindModelFile(const ScannedModel& model, const ScannedVersion& version,
                                          std::string_view filename);

/// Whether every version directory has its model's file: before that somebody may be copying it.
/// Where the configuration names the file itself nobody knows better. Pure.
bool LooksWhole(const ScannedModel& model);

struct VersionSelection {
  std::vector<std::int64_t> versions;  ///< to serve, ascending
  std::vector<std::int64_t> absent;    ///< asked for by number, but not there; worth an error log
};

/// Applies the policy to the versions at hand. INVALID_ARGUMENT when none is left. Pure.
base::StatusOr<VersionSelection> SelectVersions(const config::VersionPolicy& policy,
                                                std::span<const std::int64_t> available,
                                                std::string_view model);

}  // namespace hadron::model
