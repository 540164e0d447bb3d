#include "model/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/strings.h"
#include "config/parse.h"
#include "storage/object_name.h"
#include "storage/tree_listing.h"

namespace hadron::model {
namespace {

constexpr std::string_view kConfigFile = "config.pbtxt";
constexpr std::string_view kAlternativeConfigs = "configs";
/// Directories of a model that are never versions.
constexpr std::array<std::string_view, 3> kReserved = {"warmup", "initial_state",
                                                       kAlternativeConfigs};
/// A version directory holds a model and its weights, not a file system.
constexpr std::size_t kMaxFiles = 10'000;
constexpr int kMaxDepth = 8;

/// Models without a file. Before the configuration has been parsed: both spellings of its field.
bool LooksLikeEnsemble(const ScannedModel& model) {
  return model.config_text.find("ensemble_scheduling") != std::string::npos ||
         model.config_text.find("ensembleScheduling") != std::string::npos;
}

/// A store, and what it holds where asking for each directory would cost a request.
struct Place {
  storage::ObjectStore& store;
  std::optional<storage::TreeListing> tree;

  base::StatusOr<std::vector<storage::Entry>> List(std::string_view directory) const {
    return tree ? tree->List(directory) : store.List(directory);
  }
};

/// Too many objects for one listing are still read directory by directory.
base::StatusOr<Place> Open(storage::ObjectStore& store, const std::string& directory = "") {
  Place place{store, std::nullopt};
  if (store.LocalPath("")) return place;
  auto tree = storage::TreeListing::Read(store, directory);
  if (tree.ok()) {
    place.tree = std::move(tree).value();
  } else if (tree.code() != base::StatusCode::kResourceExhausted) {
    return std::move(tree).status();
  }
  return place;
}

/// Reads one model's directory. Lives for one model of one scan.
class ModelScanner {
 public:
  ModelScanner(const Place& place, const ScanOptions& options, ScannedModel& model)
      : place_(place), store_(place.store), options_(options), model_(model) {}

  base::Status Run() {
    HADRON_ASSIGN_OR_RETURN(const auto entries, place_.List(model_.name));
    for (const storage::Entry& entry : entries) {
      HADRON_RETURN_IF_ERROR(entry.directory ? AddDirectory(entry.name) : AddFile(entry));
    }
    std::ranges::sort(model_.versions, {}, &ScannedVersion::number);
    HADRON_RETURN_IF_ERROR(ReadConfig());
    // Object stores have no empty directories, and an ensemble has nothing to put into one.
    if (model_.versions.empty() && LooksLikeEnsemble(model_))
      model_.versions.push_back({1, {}, {}});
    return {};
  }

 private:
  base::Status AddFile(const storage::Entry& entry) {
    model_.files.push_back({entry.name, entry.size, entry.tag});
    return CountFile();
  }

  base::Status AddDirectory(const std::string& name) {
    if (const auto number = ParseVersion(name)) return AddVersion(name, *number);
    if (std::ranges::find(kReserved, name) != kReserved.end()) {
      return Walk(name, 1, model_.files);
    }
    model_.skipped_directories.push_back(name);
    return base::OkStatus();
  }

  base::Status AddVersion(const std::string& name, std::int64_t number) {
    ScannedVersion version;
    version.number = number;
    HADRON_RETURN_IF_ERROR(Walk(name, 1, version.files, &version.entries));
    model_.versions.push_back(std::move(version));
    return base::OkStatus();
  }

  /// Appends everything below `directory`; the names of its own children to `entries`, if given.
  base::Status Walk(const std::string& directory, int depth, std::vector<FileState>& files,
                    std::vector<std::string>* entries = nullptr) {
    if (depth > kMaxDepth) {
      return base::InvalidArgument(
          fmt::format("'{}' lies more than {} directories deep", directory, kMaxDepth));
    }
    HADRON_ASSIGN_OR_RETURN(const auto children,
                            place_.List(storage::JoinName(model_.name, directory)));
    for (const storage::Entry& child : children) {
      if (entries != nullptr) entries->push_back(child.name);
      const std::string name = storage::JoinName(directory, child.name);
      if (child.directory) {
        HADRON_RETURN_IF_ERROR(Walk(name, depth + 1, files));
        continue;
      }
      files.push_back({name, child.size, child.tag});
      HADRON_RETURN_IF_ERROR(CountFile());
    }
    return base::OkStatus();
  }

  base::Status CountFile() {
    if (++file_count_ <= kMaxFiles) return base::OkStatus();
    return base::ResourceExhausted(fmt::format("more than {} files in one model", kMaxFiles));
  }

  bool HasFile(std::string_view name) const {
    return std::ranges::find(model_.files, name, &FileState::name) != model_.files.end();
  }

  /// The configuration's text where an earlier scan has read this very file; null otherwise.
  const std::string* KnownText() const {
    if (options_.previous == nullptr) return nullptr;
    const auto old = options_.previous->models.find(model_.name);
    if (old == options_.previous->models.end() || old->second.store != &store_ ||
        old->second.config_file != model_.config_file || !old->second.reason.empty()) {
      return nullptr;
    }
    const auto same = [&](const FileState& file) { return file.name == model_.config_file; };
    const auto before = std::ranges::find_if(old->second.files, same);
    const auto now = std::ranges::find_if(model_.files, same);
    const bool unchanged = before != old->second.files.end() && *before == *now;
    return unchanged ? &old->second.config_text : nullptr;
  }

  base::Status ReadConfig() {
    const std::string chosen =
        fmt::format("{}/{}.pbtxt", kAlternativeConfigs, options_.model_config_name);
    if (!options_.model_config_name.empty() && HasFile(chosen)) {
      model_.config_file = chosen;
    } else if (HasFile(kConfigFile)) {
      model_.config_file = kConfigFile;
    } else {
      return base::OkStatus();  // everything is completed from the model's file
    }
    if (const std::string* known = KnownText()) {
      model_.config_text = *known;
      return base::OkStatus();
    }
    HADRON_ASSIGN_OR_RETURN(const base::IoBuf text,
                            store_.Fetch(storage::JoinName(model_.name, model_.config_file),
                                         {.max_bytes = config::kMaxConfigBytes, .progress = {}}));
    model_.config_text = text.ToString();
    return base::OkStatus();
  }

  const Place& place_;
  storage::ObjectStore& store_;
  const ScanOptions& options_;
  ScannedModel& model_;
  std::size_t file_count_ = 0;
};

/// ext4 puts it at the root of every volume.
bool IsModelDirectory(const storage::Entry& entry) {
  return entry.directory && entry.name != "lost+found";
}

/// Where one model lies. NOT_FOUND when the store has no such directory.
base::StatusOr<Place> OpenModel(storage::ObjectStore& store, const std::string& name) {
  if (name.empty()) return base::NotFound("a model has a name");
  HADRON_ASSIGN_OR_RETURN(Place place, Open(store, name));
  if (place.tree) return place;  // one listing has said all
  HADRON_ASSIGN_OR_RETURN(const storage::Entry entry, store.Stat(name));
  if (IsModelDirectory(entry)) return place;
  return base::NotFound(fmt::format("'{}' of {} is no model", name, store.url()));
}

void MarkDuplicate(ScannedModel& model) {
  std::string name = std::move(model.name);
  model = ScannedModel();
  model.name = std::move(name);
  model.reason = "model appears in two or more repositories";
}

void ScanModel(const Place& place, const std::string& name, const ScanOptions& options,
               ScanResult& result) {
  const auto [at, is_new] = result.models.try_emplace(name);
  ScannedModel& model = at->second;
  model.name = name;
  if (!is_new) return MarkDuplicate(model);
  model.store = &place.store;
  model.location = fmt::format("{}/{}", place.store.url(), name);
  base::Status status = ModelScanner(place, options, model).Run();
  if (!status.ok()) model.reason = status.message();
}

base::Status CheckOptions(const ScanOptions& options) {
  if (options.model_config_name.empty() || storage::IsPlainName(options.model_config_name)) {
    return base::OkStatus();
  }
  return base::InvalidArgument(fmt::format("--model-config-name '{}' is no plain file name",
                                           base::EscapeControl(options.model_config_name)));
}

}  // namespace

std::vector<std::int64_t> ScannedModel::version_numbers() const {
  std::vector<std::int64_t> numbers;
  for (const ScannedVersion& version : versions) numbers.push_back(version.number);
  return numbers;
}

const ScannedVersion* ScannedModel::FindVersion(std::int64_t number) const {
  const auto at = std::ranges::find(versions, number, &ScannedVersion::number);
  return at == versions.end() ? nullptr : &*at;
}

config::ModelDirectory ScannedModel::directory() const {
  const auto first = std::ranges::min_element(
      versions, {}, [](const ScannedVersion& version) { return std::to_string(version.number); });
  return {name, first == versions.end() ? std::vector<std::string>() : first->entries};
}

base::StatusOr<ScanResult> Scan(std::span<storage::ObjectStore* const> stores,
                                const ScanOptions& options) {
  HADRON_RETURN_IF_ERROR(CheckOptions(options));
  ScanResult result;
  for (storage::ObjectStore* store : stores) {
    auto place = Open(*store);
    auto entries = place.ok() ? place->List("") : std::move(place).status();
    if (!entries.ok()) {
      return std::move(entries).status().With(
          fmt::format("scanning model repository '{}'", store->url()));
    }
    for (const storage::Entry& entry : *entries) {
      if (IsModelDirectory(entry)) ScanModel(*place, entry.name, options, result);
    }
  }
  return result;
}

base::StatusOr<ScannedModel> ScanOne(std::span<storage::ObjectStore* const> stores,
                                     const std::string& name, const ScanOptions& options) {
  HADRON_RETURN_IF_ERROR(CheckOptions(options));
  ScanResult result;
  for (storage::ObjectStore* store : stores) {
    auto place = OpenModel(*store, name);
    if (place.code() == base::StatusCode::kNotFound) continue;
    if (!place.ok()) return std::move(place).status();
    // An ETag follows from the content; the time of a file may be that of the one before.
    ScanOptions anew = options;
    if (!place->tree) anew.previous = nullptr;
    ScanModel(*place, name, anew, result);
  }
  const auto at = result.models.find(name);
  if (at != result.models.end()) return std::move(at->second);
  return base::NotFound(fmt::format("no model repository has a directory '{}'", name));
}

std::optional<std::int64_t> ParseVersion(std::string_view directory) {
  const bool digits =
      !directory.empty() && directory.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits || (directory.size() > 1 && directory.front() == '0')) return std::nullopt;
  return base::ParseInt64(directory);
}

base::StatusOr<std::string> FindModelFile(const ScannedModel& model, const ScannedVersion& version,
                                          std::string_view filename) {
  const std::string directory = std::to_string(version.number);
  const std::string plain = fmt::format("{}/{}", directory, filename);
  for (const std::string& name : {plain, plain + "/model.onnx"}) {
    if (std::ranges::find(version.files, name, &FileState::name) != version.files.end()) {
      return name;
    }
  }
  constexpr std::size_t kListed = 8;
  const std::size_t listed = std::min(version.entries.size(), kListed);
  return base::NotFound(fmt::format(
      "'{}/{}' does not exist; the version directory has: {}", model.location, plain,
      listed == 0
          ? "nothing"
          : base::EscapeControl(base::Join(std::span(version.entries).first(listed), ", "))));
}

bool LooksWhole(const ScannedModel& model) {
  if (!model.reason.empty()) return true;  // it is what it is
  if (LooksLikeEnsemble(model)) return true;
  if (model.config_text.find("default_model_filename") != std::string::npos) return true;
  return std::ranges::all_of(model.versions, [&model](const ScannedVersion& version) {
    return FindModelFile(model, version, "model.onnx").ok();
  });
}

base::StatusOr<VersionSelection> SelectVersions(const config::VersionPolicy& policy,
                                                std::span<const std::int64_t> available,
                                                std::string_view model) {
  using Kind = config::VersionPolicy::Kind;
  const std::set<std::int64_t> present(available.begin(), available.end());
  VersionSelection selection;
  if (policy.kind == Kind::kSpecific) {
    for (const std::int64_t version : std::set(policy.specific.begin(), policy.specific.end())) {
      (present.contains(version) ? selection.versions : selection.absent).push_back(version);
    }
  } else {
    selection.versions.assign(present.begin(), present.end());
    if (policy.kind == Kind::kLatest && policy.latest < selection.versions.size()) {
      selection.versions.erase(selection.versions.begin(),
                               selection.versions.end() - policy.latest);
    }
  }
  if (!selection.versions.empty()) return selection;
  return base::InvalidArgument(
      fmt::format("at least one version must be available under the version policy of model '{}'",
                  base::EscapeControl(model)));
}

}  // namespace hadron::model
