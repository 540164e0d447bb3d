#pragma once

#include <stdlib.h>  // NOLINT: POSIX, for mkdtemp

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "config/parse.h"
#include "device/memory_pool.h"
#include "model/model_manager.h"
#include "storage/local/factory.h"
#include "support/still_clock.h"

namespace hadron::model {

inline constexpr std::chrono::seconds kPoll{15};

inline ModelManager::Options InMode(ControlMode mode, std::vector<std::string> load_models = {}) {
  ModelManager::Options options;
  options.control_mode = mode;
  options.load_models = std::move(load_models);
  options.poll_interval = kPoll;
  return options;
}

/// Loads nothing: a version is made of the text of its model.onnx ("bad..." fails with that
/// reason) and remembers it as its configuration's name; it has an input "x" and an output "y", of
/// INT32 if the text begins with "int32". An ensemble is made of its configuration. Configurations
/// know one line, "versions: all".
class FakeLoader final : public Loader {
 public:
  explicit FakeLoader(telemetry::Metrics& metrics) : metrics_(metrics) {}

  base::StatusOr<LoadSource> Identify(const ScannedModel& model) const override {
    if (!model.reason.empty()) return base::InvalidArgument(model.reason);
    if (model.config_text == "broken") return base::InvalidArgument("broken configuration");
    if (model.versions.empty()) return base::InvalidArgument("no version");
    LoadSource source{model, nullptr, model.version_numbers()};
    if (model.config_text.find("ensemble_scheduling") != std::string::npos) {
      HADRON_ASSIGN_OR_RETURN(config::RawConfig raw, config::ParsePbtxt(model.config_text, "c"));
      HADRON_ASSIGN_OR_RETURN(raw, config::Identify(std::move(raw), model.directory(), false));
      source.config = std::make_shared<const config::RawConfig>(std::move(raw));
    }
    if (model.config_text != "versions: all") source.versions = {source.versions.back()};
    return source;
  }

  base::StatusOr<ModelHandle> Load(const LoadSource& source, std::int64_t version,
                                   const std::atomic<bool>& cancelled) const override {
    loads.push_back(source.model.name + "/" + std::to_string(version));
    if (const auto hook = while_loading) hook();  // it may take itself away
    if (cancelled.load()) return base::Cancelled("given up");
    if (const auto compiled = source.compiled.find(version); compiled != source.compiled.end()) {
      if (failures > 0)
        return base::InvalidArgument("bad on the device " + std::to_string(failures--));
      compiled->second->SetTriedOut();
      return compiled->second;
    }
    if (source.config != nullptr) return LoadEnsemble(source, version);
    const std::string file = source.model.name + "/" + std::to_string(version) + "/model.onnx";
    const std::string text = source.model.store->Fetch(file).value().ToString();
    if (text.starts_with("bad") || failures > 0) {
      failures = std::max(0, failures - 1);
      return base::InvalidArgument(text);
    }
    config::ModelConfig::Fields fields;
    fields.name = text;
    const auto type =
        text.starts_with("int32") ? tensor::DataType::kInt32 : tensor::DataType::kFp32;
    for (auto* ios : {&fields.inputs, &fields.outputs}) {
      config::IoConfig& io = ios->emplace_back();
      io.name = ios == &fields.inputs ? "x" : "y";
      io.type = type;
      io.dims = {4};
    }
    ModelVersion::Parts parts;
    parts.name = source.model.name;
    parts.version = version;
    parts.config = std::make_shared<const config::ModelConfig>(std::move(fields));
    parts.metrics = metrics_.AddModel(parts.name, version);
    parts.history = source.HistoryOf(version);
    parts.tried_out = source.rung == Rung::kResident;
    std::shared_ptr<device::Reservation> memory;
    std::shared_ptr<device::Reservation> common;
    if (pool != nullptr) {
      HADRON_ASSIGN_OR_RETURN(device::Reservation taken, pool->Reserve(parts.name, text.size()));
      memory = std::make_shared<device::Reservation>(std::move(taken));
      common = ShareCommon(*memory, text);
    }
    const auto count = std::shared_ptr<int>(&alive, [](int* n) { --*n; });
    ++alive;
    return ModelHandle(new ModelVersion(std::move(parts)),
                       [count, memory, common](const ModelVersion* gone) { delete gone; });
  }

  /// Every letter '+' stands for a byte that all models share.
  static std::uint64_t CommonBytes(std::string_view text) {
    return static_cast<std::uint64_t>(std::ranges::count(text, '+'));
  }

  std::shared_ptr<const SavedVersion> Save(const ModelVersion&) const override { return nullptr; }

  mutable std::vector<std::string> loads;
  mutable int alive = 0;     ///< versions that exist
  mutable int failures = 0;  ///< so many loads fail from now on
  std::function<void()> while_loading;
  device::MemoryPool* pool = nullptr;  ///< a version takes as much as its file is long

 private:
  base::StatusOr<ModelHandle> LoadEnsemble(const LoadSource& source, std::int64_t version) const {
    ModelVersion::Parts parts;
    HADRON_ASSIGN_OR_RETURN(parts.config, config::Complete(*source.config, nullptr, {}));
    parts.name = source.model.name;
    parts.version = version;
    parts.metrics = metrics_.AddModel(parts.name, version);
    parts.history = source.HistoryOf(version);
    return std::make_shared<const ModelVersion>(std::move(parts));
  }

  /// The part of a version's memory that others hold, too: it is taken once.
  std::shared_ptr<device::Reservation> ShareCommon(device::Reservation& memory,
                                                   std::string_view text) const {
    const std::uint64_t bytes = CommonBytes(text);
    if (bytes == 0) return nullptr;
    auto mine = std::make_shared<device::Reservation>(memory.Split(bytes));
    if (auto there = common_.lock()) return there;
    common_ = mine;
    return mine;
  }

  mutable std::weak_ptr<device::Reservation> common_;
  telemetry::Metrics& metrics_;
};

/// A manager over a repository in a temporary directory; nothing happens unless the test says so.
class ManagerRig : public ModelManager::Observer {
 public:
  /// With a budget models take host memory, and leave it for others.
  explicit ManagerRig(ModelManager::Options options,
                      std::optional<std::uint64_t> host_budget = std::nullopt)
      : options_(std::move(options)) {
    std::string pattern = std::filesystem::temp_directory_path() / "hadron-manager-XXXXXX";
    HADRON_CHECK(mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    store_ = storage::OpenLocalStore(directory.string()).value();
    ModelManager::Dependencies dependencies;
    dependencies.stores = {store_.get()};
    dependencies.loader = &loader;
    dependencies.control = &control;
    dependencies.load = &load;
    dependencies.clock = &clock;
    dependencies.metrics = &metrics;
    dependencies.post_at = [this](base::TimePoint when, base::Task task) {
      timers.emplace(when, std::move(task));
    };
    dependencies.open_directory = storage::OpenLocalStore;
    if (host_budget) {
      host = std::make_unique<device::MemoryPool>(*host_budget);
      loader.pool = host.get();
      dependencies.host = {host.get(), 0, FindEvictionPolicy("lru"),
                           [this](const ModelVersion& version, EvictionCandidate& with) {
                             const std::string& text = version.config().name();
                             const std::uint64_t shared = FakeLoader::CommonBytes(text);
                             with.parts.push_back({&version, text.size() - shared});
                             if (shared > 0) with.parts.push_back({this, shared});
                             with.last_used = std::max(with.last_used, used[version.name()]);
                             with.waiting += waiting[version.name()];
                             return !pinned.contains(version.name());
                           },
                           [this] { return call_back && call_back(); }};
    }
    manager = std::make_unique<ModelManager>(options_, dependencies, *this);
  }
  ~ManagerRig() override {
    manager->Stop();
    RunAll();
    manager.reset();  // what is posted from here on is not run
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  void OnReady(const ModelHandle& version) override {
    events.push_back("ready " + version->config().name());
  }
  void OnGone(const ModelVersion& version, base::Task released) override {
    events.push_back("gone " + version.config().name());
    released();
  }

  /// Writes the file of a version.
  void Write(const std::string& model, int version, const std::string& text) {
    WriteFile(model + "/" + std::to_string(version) + "/model.onnx", text);
  }
  void WriteFile(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((directory / path).parent_path());
    std::ofstream(directory / path) << text;
  }

  /// Runs everything that can run now, in whatever order it comes.
  void RunAll() {
    while (control.RunOne() || load.RunOne()) {
    }
  }
  void Advance(base::Duration by) {
    clock.Advance(by);
    while (!timers.empty() && timers.begin()->first <= clock.Now()) {
      base::Task task = std::move(timers.begin()->second);
      timers.erase(timers.begin());
      control.Post(std::move(task));
    }
    RunAll();
  }
  /// Starts and loads; the outcome's text.
  std::string Start() {
    std::string text = "not yet";
    manager->Start([&text](base::Status status) { text = status.ToString(); });
    RunAll();
    return text;
  }
  /// A load call whose outcome is written to `outcome`.
  void Load(LoadRequest request, std::string& outcome) {
    outcome = "not yet";
    manager->Load(std::move(request),
                  [&outcome](base::Status status) { outcome = status.ToString(); });
  }
  std::string LoadNow(const std::string& model) {
    std::string outcome;
    Load({.name = model}, outcome);
    RunAll();
    return outcome;
  }
  std::string UnloadNow(const std::string& model) {
    std::string outcome = "not yet";
    manager->Unload(model, [&outcome](base::Status status) { outcome = status.ToString(); });
    RunAll();
    return outcome;
  }
  /// What answers for the model: the text of its file, or the failure.
  std::string Serving(const std::string& model, std::optional<std::int64_t> version = {}) {
    const auto found = manager->Find(model, version);
    if (!found.ok()) return found.CloneStatus().ToString();
    return *found == nullptr ? "absent" : (*found)->config().name();
  }
  /// "1:READY 2:UNAVAILABLE(why)".
  std::string States(const std::string& model) {
    const auto catalogue = manager->catalogue();
    const auto at = catalogue->models.find(model);
    if (at == catalogue->models.end()) return "none";
    std::string text = at->second.reason.empty() ? "" : "(" + at->second.reason + ")";
    for (const auto& [number, version] : at->second.versions) {
      if (!text.empty()) text += " ";
      text += std::to_string(number) + ":" + std::string(VersionStateName(version.state));
      if (!version.reason.empty()) text += "(" + version.reason + ")";
    }
    return text;
  }

  std::filesystem::path directory;
  test::StillClock clock;
  telemetry::Metrics metrics{{}, clock};
  FakeLoader loader{metrics};
  std::unique_ptr<device::MemoryPool> host;  ///< outlives what the executors hold
  base::ManualExecutor control;
  base::ManualExecutor load;
  std::map<std::string, std::uint64_t> used;    ///< when, by model: the least goes first
  std::map<std::string, std::int64_t> waiting;  ///< requests, by model
  std::set<std::string> pinned;
  std::function<bool()> call_back;  ///< has lanes give memory back
  std::multimap<base::TimePoint, base::Task> timers;
  std::vector<std::string> events;

 private:
  const ModelManager::Options options_;
  std::unique_ptr<storage::ObjectStore> store_;

 public:
  std::unique_ptr<ModelManager> manager;
};

/// Somebody who asks for a model and may have to wait.
struct Asking {
  Asking(ManagerRig& rig, std::string model, std::optional<std::int64_t> version = {},
         base::Duration patience = std::chrono::seconds(30), Rung rung = Rung::kResident) {
    Acquirer acquirer;
    acquirer.rung = rung;
    acquirer.model = std::move(model);
    acquirer.version = version;
    acquirer.deadline = rig.clock.Now() + patience;
    acquirer.cancelled = hung_up;
    acquirer.done = [answer = answer](base::StatusOr<ModelHandle> found) {
      *answer += found.ok() ? (*found)->config().name() : found.CloneStatus().ToString();
    };
    rig.manager->Acquire(std::move(acquirer));
  }
  std::shared_ptr<std::string> answer = std::make_shared<std::string>();
  std::shared_ptr<std::atomic<bool>> hung_up = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace hadron::model
