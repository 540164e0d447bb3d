#include "cli/explain/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "cli/read_file.h"
#include "config/complete.h"
#include "config/parse.h"

namespace hadron::cli::explain {
namespace {

namespace fs = std::filesystem;
using base::NotFound;
using base::Status;
using base::StatusOr;

constexpr std::size_t kNamesShown = 8;

std::optional<std::uint64_t> VersionOf(const fs::path& directory) {
  const std::string name = directory.filename().string();
  if (name.starts_with('0')) return std::nullopt;
  return base::ParseUint64(name);
}

bool Is(fs::file_type type, const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() == type;
}

/// Names in a directory, sorted; empty when it cannot be read.
std::vector<std::string> Names(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string Listed(std::vector<std::string> names) {
  if (names.empty()) return "nothing";
  if (names.size() > kNamesShown) {
    names.resize(kNamesShown);
    names.emplace_back("...");
  }
  return base::Join(names, ", ");
}

/// The configuration in a model's directory, completed by what the directory says.
StatusOr<config::RawConfig> ReadConfig(const fs::path& model, const fs::path& version) {
  config::RawConfig raw;
  const fs::path file = model / "config.pbtxt";
  std::error_code error;
  if (!model.empty() && fs::exists(file, error)) {
    HADRON_ASSIGN_OR_RETURN(const std::string text, ReadFile(file.string()));
    HADRON_ASSIGN_OR_RETURN(raw, config::ParsePbtxt(text, file.string()));
  }
  config::ModelDirectory directory{model.filename().string(), Names(version)};
  auto identified = config::Identify(std::move(raw), directory, false);
  if (!identified.ok()) return std::move(identified).status().With(version.string());
  return identified;
}

/// The model file of a version directory; exporters with external data make it a directory.
StatusOr<std::string> FileIn(const fs::path& version, const std::string& filename) {
  const fs::path file = version / filename;
  if (Is(fs::file_type::regular, file)) return file.string();
  if (Is(fs::file_type::regular, file / filename)) return (file / filename).string();
  return NotFound(fmt::format("'{}' has no model file '{}', only: {}", version.string(), filename,
                              Listed(Names(version))));
}

StatusOr<ModelFiles> OfVersion(const fs::path& model, const fs::path& version) {
  ModelFiles files;
  HADRON_ASSIGN_OR_RETURN(files.config, ReadConfig(model, version));
  if (files.config.is_ensemble()) {
    return base::InvalidArgument(
        fmt::format("'{}' is an ensemble and has no model file; name the models of its steps: {}",
                    model.string(), base::Join(files.config.members(), ", ")));
  }
  HADRON_ASSIGN_OR_RETURN(files.onnx, FileIn(version, files.config.model_filename()));
  files.name = model.filename().string();
  return files;
}

StatusOr<ModelFiles> OfFile(const fs::path& file) {
  const fs::path version = file.parent_path();
  if (VersionOf(version)) {
    auto files = OfVersion(version.parent_path(), version);
    if (!files.ok()) return std::move(files).status();
    files->onnx = file.string();  // whatever the configuration calls it
    return files;
  }
  ModelFiles files;
  files.onnx = file.string();
  files.name = file.stem().string();
  HADRON_ASSIGN_OR_RETURN(files.config, config::Identify({}, {files.name, {"model.onnx"}}, false));
  return files;
}

StatusOr<ModelFiles> OfModel(const fs::path& model) {
  std::uint64_t newest = 0;
  for (const std::string& name : Names(model)) {
    if (!Is(fs::file_type::directory, model / name)) continue;
    newest = std::max(newest, VersionOf(name).value_or(0));
  }
  if (newest == 0) {
    return NotFound(fmt::format(
        "'{}' is no model's directory: it has no version directory (1, 2, ...), only: {}; give a "
        "model file, a version directory or the directory of one model",
        model.string(), Listed(Names(model))));
  }
  return OfVersion(model, model / std::to_string(newest));
}

}  // namespace

StatusOr<ModelFiles> FindModel(const std::string& path) {
  std::error_code error;
  fs::path whole = fs::absolute(path, error).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // "digits/"
  if (Is(fs::file_type::regular, whole)) return OfFile(whole);
  if (!Is(fs::file_type::directory, whole)) {
    return NotFound(fmt::format(
        "there is no file or directory '{}'; give a model file, a version directory or the "
        "directory of one model",
        path));
  }
  return VersionOf(whole) ? OfVersion(whole.parent_path(), whole) : OfModel(whole);
}

}  // namespace hadron::cli::explain
