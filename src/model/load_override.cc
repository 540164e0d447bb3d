#include "model/load_override.h"

#include <fmt/format.h>
#include <stdlib.h>  // NOLINT: POSIX, for mkdtemp

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/log.h"
#include "base/strings.h"
#include "config/parse.h"
#include "storage/atomic_file.h"
#include "storage/object_name.h"

namespace hadron::model {
namespace {

namespace fs = std::filesystem;
using base::InvalidArgument;
using base::Status;
using base::StatusOr;

StatusOr<std::string> PrivateDirectory() {
  std::error_code error;
  fs::path parent = fs::temp_directory_path(error);
  if (error) parent = "/tmp";
  std::string pattern = (parent / "hadron-override-XXXXXX").string();
  if (mkdtemp(pattern.data()) != nullptr) return pattern;  // only this user may look into it
  return base::Unavailable(
      fmt::format("no directory for override files can be made in '{}' ({}); set TMPDIR to a "
                  "directory that can be written",
                  parent.string(), std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
}

Status WriteFile(const fs::path& path, const base::IoBuf& bytes) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    return base::Unavailable(fmt::format("override file '{}': the directory cannot be made: {}",
                                         path.string(), error.message()));
  }
  HADRON_ASSIGN_OR_RETURN(auto file, storage::AtomicFile::Create(path.string()));
  for (const base::IoBuf::Slice& slice : bytes.slices()) {
    HADRON_RETURN_IF_ERROR(file.Append(slice.bytes));
  }
  return file.Commit();
}

Status CheckPaths(const std::vector<OverrideFile>& files) {
  std::set<std::string_view> names;
  std::set<std::string_view> directories;
  for (const OverrideFile& file : files) {
    const std::string_view path = file.path;
    if (path.empty() || !storage::CheckObjectName(path).ok()) {
      return InvalidArgument(
          fmt::format("override file '{}' must stay within model directory: give a relative path "
                      "of plain names, as in 'file:1/model.onnx'",
                      base::EscapeControl(path.substr(0, 256))));
    }
    if (!names.insert(path).second) {
      return InvalidArgument(fmt::format("override file '{}' is given twice", path));
    }
    for (std::size_t at = path.find('/'); at != path.npos; at = path.find('/', at + 1)) {
      directories.insert(path.substr(0, at));
    }
  }
  for (const std::string_view directory : directories) {
    if (!names.contains(directory)) continue;
    return InvalidArgument(
        fmt::format("override file '{}' cannot be a file and a directory", directory));
  }
  return {};
}

}  // namespace

Status SetReloadPolicy(std::string_view text, LoadRequest& request) {
  auto policy = ParseReloadPolicy(text);
  if (policy.ok()) request.reload_policy = *policy;
  return policy.CloneStatus().With(fmt::format("load parameter '{}'", kReloadPolicyParameter));
}

Status UnknownLoadParameter(std::string_view name) {
  return InvalidArgument(
      fmt::format("unrecognized load parameter '{}'; there are 'config', 'file:<path>' and '{}'",
                  base::EscapeControl(name), kReloadPolicyParameter));
}

Status CheckModelName(std::string_view name) {
  if (base::Trim(name).empty()) return InvalidArgument("Model name cannot be empty");
  if (name == ".." || name == "." || name.find('/') != std::string_view::npos) {
    return InvalidArgument(fmt::format(
        "model name must not contain path traversal characters: '{}'", base::EscapeControl(name)));
  }
  if (storage::IsPlainName(name)) return {};
  return InvalidArgument(
      fmt::format("model name '{}' must not begin with '.', be longer than 255 bytes or hold "
                  "backslashes or control characters",
                  base::EscapeControl(name.substr(0, 256))));
}

Status CheckLoadRequest(const LoadRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckModelName(request.name));
  if (!request.files.empty() && !request.config_json) {
    return InvalidArgument(
        "Load parameter 'config' must be specified for model file override: the files take the "
        "place of the whole directory");
  }
  HADRON_RETURN_IF_ERROR(CheckPaths(request.files));
  if (!request.config_json) return {};
  return config::ParseJson(*request.config_json).CloneStatus().With("Invalid config override");
}

StatusOr<std::shared_ptr<const LoadOverride>> LoadOverride::Create(LoadRequest request,
                                                                   const OpenDirectory& open) {
  auto made = std::make_shared<LoadOverride>(std::move(request));
  if (!made->request_.files.empty()) {
    HADRON_RETURN_IF_ERROR(made->WriteFiles(open));
  }
  return std::shared_ptr<const LoadOverride>(std::move(made));
}

LoadOverride::~LoadOverride() {
  if (directory_.empty()) return;
  std::error_code error;
  fs::remove_all(directory_, error);
  if (error) {
    base::LogWarning("override files could not be removed",
                     {{"directory", directory_}, {"reason", error.message()}});
  }
}

Status LoadOverride::WriteFiles(const OpenDirectory& open) {
  HADRON_ASSIGN_OR_RETURN(directory_, PrivateDirectory());
  for (OverrideFile& file : request_.files) {
    HADRON_RETURN_IF_ERROR(WriteFile(fs::path(directory_) / request_.name / file.path, file.bytes));
    file.bytes = {};  // what the body of a request is made of goes back to its budget
  }
  HADRON_ASSIGN_OR_RETURN(store_, open(directory_));
  return {};
}

StatusOr<ScannedModel> LoadOverride::Listing(std::span<storage::ObjectStore* const> stores,
                                             const ScanOptions& options) const {
  std::vector<storage::ObjectStore*> own;
  if (store_ != nullptr) own.push_back(store_.get());
  HADRON_ASSIGN_OR_RETURN(ScannedModel model,
                          ScanOne(own.empty() ? stores : own, request_.name, options));
  if (request_.config_json) {
    model.config_file = kOverrideConfig;
    model.config_text = *request_.config_json;
  }
  return model;
}

}  // namespace hadron::model
