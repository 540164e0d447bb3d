#include "cli/push/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>

#include "base/strings.h"
#include "cli/explain/model_files.h"
#include "cli/push/wiring.h"
#include "cli/read_file.h"
#include "config/complete.h"
#include "onnx/loader.h"
#include "storage/artifact_files.h"
#include "storage/object_name.h"

namespace hadron::cli::push {
namespace {

namespace fs = std::filesystem;
using base::InvalidArgument;
using base::Status;
using base::StatusOr;

constexpr std::string_view kConfig = "config.pbtxt";
constexpr std::string_view kSums = "SHA256SUMS";
/// Directories beside the versions that a model may have.
constexpr std::array<std::string_view, 3> kKnown = {"configs", "initial_state", "warmup"};

std::optional<std::uint64_t> VersionOf(std::string_view directory) {
  if (directory.starts_with('0')) return std::nullopt;
  return base::ParseUint64(directory);
}

std::string SumsText(const SourceVersion& version) {
  std::string text;
  for (const SourceFile& file : version.files) {
    text += fmt::format("{}  {}\n", file.sha256, file.name);
  }
  return text + fmt::format("{}  {}\n", version.model.sha256, version.model.name);
}

class Reader {
 public:
  Reader(fs::path directory, Source& source) : directory_(std::move(directory)), source_(source) {}

  Status Run() {
    HADRON_ASSIGN_OR_RETURN(const auto store, OpenDirectory(directory_.string()));
    HADRON_ASSIGN_OR_RETURN(const auto entries, store->ListTree(""));
    for (const storage::Entry& entry : entries) HADRON_RETURN_IF_ERROR(Add(entry));
    if (versions_.empty()) {
      return InvalidArgument(
          fmt::format("'{}' is no model's directory: it has no version directory (1, 2, ...) with "
                      "files in it",
                      directory_.string()));
    }
    for (auto& [number, version] : versions_) {
      version.number = number;
      HADRON_RETURN_IF_ERROR(Check(version));
      source_.versions.push_back(std::move(version));
    }
    return {};
  }

 private:
  Status Add(const storage::Entry& entry) {
    const std::size_t slash = entry.name.find('/');
    const std::string top = entry.name.substr(0, slash);
    SourceFile file{entry.name, (directory_ / entry.name).string(), entry.size, {}};
    const auto number = slash == std::string::npos ? std::nullopt : VersionOf(top);
    if (!number && slash != std::string::npos && std::ranges::find(kKnown, top) == kKnown.end()) {
      if (skipped_ != top) {
        source_.notes.push_back(
            fmt::format("'{}' is left out: no model has a directory of that name",
                        (directory_ / top).string()));
      }
      skipped_ = top;
      return {};
    }
    HADRON_ASSIGN_OR_RETURN(file.sha256, storage::HashFile(file.path));
    if (number) {
      file.name.erase(0, slash + 1);
      versions_[*number].files.push_back(std::move(file));
    } else {
      (entry.name == kConfig ? source_.config : source_.files).push_back(std::move(file));
    }
    return {};
  }

  /// Loads the version as the server would, and sets its model's file apart.
  Status Check(SourceVersion& version) {
    const fs::path directory = directory_ / std::to_string(version.number);
    HADRON_ASSIGN_OR_RETURN(const explain::ModelFiles found,
                            explain::FindModel(directory.string()));
    Status valid = CheckModel(found);
    if (!valid.ok()) return std::move(valid).With(found.onnx);
    const std::string name = fs::path(found.onnx).lexically_relative(directory).string();
    const auto model = std::ranges::find(version.files, name, &SourceFile::name);
    if (model == version.files.end()) {
      return InvalidArgument(fmt::format("'{}' leads out of the model's directory", found.onnx));
    }
    version.model = std::move(*model);
    version.files.erase(model);
    return CheckSums(version, directory);
  }

  Status CheckModel(const explain::ModelFiles& found) {
    HADRON_ASSIGN_OR_RETURN(const onnx::LoadedModel loaded, onnx::LoadOnnxFile(found.onnx, {}));
    for (const std::string& warning : loaded.warnings) source_.notes.push_back(warning);
    // Which devices the server has is not known here.
    const config::CompletionOptions completion{.gpu_count = 1, .allow_cpu_fallback = true};
    HADRON_ASSIGN_OR_RETURN(const auto config,
                            config::Complete(found.config, &loaded.graph, completion));
    HADRON_RETURN_IF_ERROR(config::CheckAgainstGraph(*config, loaded.graph));
    for (const config::IoConfig& output : config->outputs()) {
      const std::string& labels = output.label_filename;
      if (labels.empty() ||
          std::ranges::find(source_.files, labels, &SourceFile::name) != source_.files.end()) {
        continue;
      }
      return base::NotFound(
          fmt::format("labels of output '{}': '{}' is not there", output.name, labels));
    }
    return {};
  }

  static Status CheckSums(SourceVersion& version, const fs::path& directory) {
    const auto given = std::ranges::find(version.files, kSums, &SourceFile::name);
    if (given == version.files.end()) {
      version.sums = SumsText(version);
      return {};
    }
    HADRON_ASSIGN_OR_RETURN(version.sums, ReadFile(given->path));
    version.files.erase(given);
    std::map<std::string, std::string> sums = {{version.model.name, version.model.sha256}};
    for (const SourceFile& file : version.files) sums[file.name] = file.sha256;
    const Status right = storage::CheckSums(version.sums, sums);
    if (right.ok()) return {};
    return InvalidArgument(fmt::format("'{}': {}; make it anew with: sha256sum * > SHA256SUMS",
                                       directory.string(), right.message()));
  }

  const fs::path directory_;
  Source& source_;
  std::map<std::uint64_t, SourceVersion> versions_;
  std::string skipped_;
};

}  // namespace

StatusOr<Source> ReadSource(const std::string& directory) {
  std::error_code error;
  fs::path whole = fs::absolute(directory, error).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // "digits/"
  Source source;
  source.name = whole.filename().string();
  if (!storage::IsPlainName(source.name)) {
    return InvalidArgument(
        fmt::format("'{}' is no model's directory; its name would be the model's", directory));
  }
  HADRON_RETURN_IF_ERROR(Reader(std::move(whole), source).Run());
  return source;
}

}  // namespace hadron::cli::push
