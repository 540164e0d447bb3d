#include "model/version_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "config/complete.h"
#include "config/parse.h"
#include "model/checksums.h"
#include "model/optional_inputs.h"
#include "model/ragged_batch.h"
#include "model/warm_up.h"
#include "onnx/loader.h"
#include "plan/batch_invariance.h"
#include "plan/lane.h"
#include "tensor/string_tensor.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusOr;
using config::ModelConfig;

constexpr int kTries = 3;  ///< at a file that is written meanwhile
constexpr std::uint64_t kMaxLabelBytes = std::uint64_t{16} << 20U;
constexpr std::uint64_t kMaxStateBytes = std::uint64_t{1} << 30U;

/// Graph outputs that the configuration does not list, nor a sequence needs, are not computed.
void DropUnlistedOutputs(graph::Graph& graph, const ModelConfig& config) {
  std::erase_if(graph.outputs(), [&](const graph::GraphOutput& output) {
    const bool state =
        config.sequence_batching() && config.sequence_batching()->HasStateOutput(output.name);
    return !state && config.FindOutput(output.name) == nullptr;
  });
}

StatusOr<std::map<std::string, std::vector<std::string>>> ReadLabels(const ScannedModel& model,
                                                                     const ModelConfig& config) {
  std::map<std::string, std::vector<std::string>> labels;
  for (const config::IoConfig& output : config.outputs()) {
    if (output.label_filename.empty()) continue;
    auto text = model.store->Fetch(model.name + "/" + output.label_filename,
                                   {.max_bytes = kMaxLabelBytes, .progress = {}});
    if (!text.ok()) {
      return std::move(text).status().With(fmt::format("labels of output '{}'", output.name));
    }
    labels[output.name] = config::ParseLabels(text->ToString());
  }
  return labels;
}

/// With what the states of sequences begin, by the input's name; those of zeros are absent.
StatusOr<std::map<std::string, base::IoBuf>> ReadInitialStates(const ScannedModel& model,
                                                               const ModelConfig& config) {
  std::map<std::string, base::IoBuf> states;
  if (!config.sequence_batching()) return states;
  for (const config::SequenceState& state : config.sequence_batching()->states) {
    if (state.initial_file.empty()) continue;
    const std::string what = fmt::format("the initial state of input '{}'", state.input);
    auto bytes = model.store->Fetch(model.name + "/initial_state/" + state.initial_file,
                                    {.max_bytes = kMaxStateBytes, .progress = {}});
    if (!bytes.ok()) return std::move(bytes).status().With(what);
    const std::int64_t elements = state.initial_dims.elements();
    if (state.type == tensor::DataType::kString) {
      HADRON_RETURN_IF_ERROR(tensor::CheckStrings(*bytes, elements).With(what));
      states[state.input] = std::move(*bytes);
      continue;
    }
    const std::size_t needed = static_cast<std::size_t>(elements) * tensor::ElementSize(state.type);
    if (bytes->size() < needed) {
      return base::InvalidArgument(fmt::format("{}: file '{}' has {} bytes, dims {} need {}", what,
                                               state.initial_file, bytes->size(),
                                               state.initial_dims.ToString(), needed));
    }
    states[state.input] = bytes->Sub(0, needed);
  }
  return states;
}

Status CheckNotCancelled(const std::atomic<bool>& cancelled) {
  if (!cancelled.load()) return {};
  return base::Cancelled("the load was given up for a newer operation");
}

/// Whether the files are those that were listed. Those of object stores are fetched by their ETags.
Status CheckAsListed(const ScannedModel& model, const ScannedVersion& version) {
  if (!model.store->LocalPath(model.name)) return {};
  const std::string directory = std::to_string(version.number);
  HADRON_ASSIGN_OR_RETURN(const auto entries, model.store->List(model.name + "/" + directory));
  for (const FileState& file : version.files) {
    if (file.name.find('/', directory.size() + 1) != std::string::npos) continue;
    const bool there = std::ranges::any_of(entries, [&](const storage::Entry& entry) {
      return directory + "/" + entry.name == file.name && entry.size == file.size &&
             entry.tag == file.tag;
    });
    if (there) continue;
    return base::Unavailable(
        fmt::format("'{}/{}' has changed since the model was loaded, so it cannot come back as it "
                    "was; put the file back, or load the model by call",
                    model.location, file.name));
  }
  return {};
}

telemetry::LoadFailure CauseOf(const Status& status) {
  using base::StatusCode;
  using telemetry::LoadFailure;
  if (status.cause() == base::RefusalCause::kMemory) return LoadFailure::kMemory;
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kUnimplemented:
      return LoadFailure::kModel;
    case StatusCode::kResourceExhausted:
      return LoadFailure::kMemory;
    case StatusCode::kNotFound:
    case StatusCode::kUnavailable:
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnauthenticated:
      return LoadFailure::kRepository;
    default:
      return LoadFailure::kInternal;
  }
}

}  // namespace

StatusOr<VersionLoader::Source> VersionLoader::Identify(const ScannedModel& model) const {
  if (!model.reason.empty()) return base::InvalidArgument(model.reason);
  config::RawConfig raw;
  if (model.config_file == kOverrideConfig) {
    HADRON_ASSIGN_OR_RETURN(raw, config::ParseJson(model.config_text));
  } else if (!model.config_file.empty()) {
    HADRON_ASSIGN_OR_RETURN(
        raw, config::ParsePbtxt(model.config_text, model.location + "/" + model.config_file));
  }
  HADRON_ASSIGN_OR_RETURN(
      raw, config::Identify(std::move(raw), model.directory(), options_.disable_auto_complete));
  HADRON_ASSIGN_OR_RETURN(
      VersionSelection selection,
      SelectVersions(raw.version_policy(), model.version_numbers(), model.name));
  for (const std::int64_t absent : selection.absent) {
    base::LogError("the version policy names a version that is not there",
                   {{"model", model.name}, {"version", absent}});
  }
  return Source{model, std::make_shared<const config::RawConfig>(std::move(raw)),
                std::move(selection.versions)};
}

StatusOr<device::Reservation> VersionLoader::Book(const Build& build, std::uint64_t bytes) const {
  auto booked = deps_.host->memory().Reserve("loading " + build.owner, bytes);
  if (booked.ok() || !build.source.SwapsOut(build.number)) return booked;
  return device::Reservation();
}

Status VersionLoader::BuildFrom(std::shared_ptr<const base::ByteSource> file,
                                const onnx::ExternalData& external, Build& build) const {
  const ScannedModel& model = build.source.model;
  HADRON_ASSIGN_OR_RETURN(auto parsing, Book(build, file->size()));
  onnx::LoadLimits limits;
  limits.max_nodes = options_.max_model_nodes;
  limits.max_model_bytes = options_.max_model_bytes;
  HADRON_ASSIGN_OR_RETURN(
      onnx::LoadedModel loaded,
      onnx::LoadOnnx(std::move(file), external, limits, build.source.config->optional_inputs()));
  // The messages are gone; of the constants one is in memory at a time, and what is made of it.
  parsing.Release();
  device::Reservation packing;
  if (loaded.largest_stored > 0) {
    HADRON_ASSIGN_OR_RETURN(packing, Book(build, 2 * loaded.largest_stored));
  }
  for (const std::string& warning : loaded.warnings) {
    base::LogWarning("model file",
                     {{"model", model.name}, {"version", build.number}, {"what", warning}});
  }
  HADRON_RETURN_IF_ERROR(CheckNotCancelled(build.cancelled));
  config::CompletionOptions completion;
  completion.strict = options_.disable_auto_complete;
  completion.default_max_batch_size = options_.default_max_batch_size;
  completion.gpu_count = deps_.device == deps_.host ? 0 : 1;
  completion.allow_cpu_fallback = options_.allow_cpu_fallback;
  ModelVersion::Parts parts;
  HADRON_ASSIGN_OR_RETURN(parts.config,
                          config::Complete(*build.source.config, &loaded.graph, completion));
  HADRON_RETURN_IF_ERROR(config::CheckAgainstGraph(*parts.config, loaded.graph));
  if (options_.check) HADRON_RETURN_IF_ERROR(options_.check(*parts.config));
  config::LogNotices(*parts.config);
  HADRON_ASSIGN_OR_RETURN(parts.labels, ReadLabels(model, *parts.config));
  HADRON_ASSIGN_OR_RETURN(parts.initial_states, ReadInitialStates(model, *parts.config));
  HADRON_ASSIGN_OR_RETURN(parts.defaults, ReadDefaults(loaded, *parts.config));

  DropUnlistedOutputs(loaded.graph, *parts.config);
  HADRON_ASSIGN_OR_RETURN(parts.compiled, Compile(std::move(loaded.graph), *parts.config, build));
  HADRON_RETURN_IF_ERROR(CheckNotCancelled(build.cancelled));
  // What was read at once is as whole as a file can be; the rest may have been written meanwhile.
  if (loaded.largest_stored > 0) HADRON_RETURN_IF_ERROR(loaded.Settle());
  build.parts = std::move(parts);
  return {};
}

Status VersionLoader::CheckFiles(const Build& build, const storage::FetchedTree* tree) const {
  using Opened = StatusOr<std::shared_ptr<const base::ByteSource>>;
  const std::vector<config::Checksum> sums = build.source.config->checksums();
  if (sums.empty()) return {};
  const ScannedModel& model = build.source.model;
  const auto directory = model.store->LocalPath(model.name);
  const auto open = [&](const std::string& path) -> Opened {
    const std::string own = std::to_string(build.number) + "/";
    if (directory) {
      HADRON_ASSIGN_OR_RETURN(auto file, base::FileSource::Open(*directory + "/" + path));
      return std::shared_ptr<const base::ByteSource>(std::move(file));
    }
    if (tree != nullptr && path.starts_with(own)) {
      auto file = tree->Find(path.substr(own.size()));
      if (file == nullptr) return base::NotFound("there is no such file");
      return file;
    }
    HADRON_ASSIGN_OR_RETURN(const storage::Entry entry, model.store->Stat(model.name + "/" + path));
    HADRON_ASSIGN_OR_RETURN(auto booked, Book(build, entry.size));
    HADRON_ASSIGN_OR_RETURN(
        const base::IoBuf bytes,
        model.store->Fetch(model.name + "/" + path, {.max_bytes = entry.size, .progress = {}}));
    const auto held = std::make_shared<std::pair<device::Reservation, base::BufferSource>>(
        std::move(booked), base::BufferSource(bytes));
    return std::shared_ptr<const base::ByteSource>(held, &held->second);
  };
  return ChecksumCheck{model, build.number, build.cancelled}.Run(sums, open);
}

Status VersionLoader::BuildFromStore(const std::string& file, Build& build) const {
  const ScannedModel& model = build.source.model;
  if (const auto directory = model.store->LocalPath(model.name)) {
    const std::string path = *directory + "/" + file;
    HADRON_RETURN_IF_ERROR(CheckFiles(build, nullptr));
    HADRON_ASSIGN_OR_RETURN(
        const auto external,
        onnx::ExternalData::FromDirectory(std::filesystem::path(path).parent_path().string()));
    for (int tried = 1;; ++tried) {
      HADRON_ASSIGN_OR_RETURN(const auto opened, base::FileSource::Open(path));
      Status status = BuildFrom(opened, external, build);
      if (status.ok() || tried == kTries || opened->Settle().ok()) return status;
    }
  }
  if (deps_.artifacts == nullptr) {
    return base::Unimplemented(fmt::format("'{}' is not a local directory", model.store->url()));
  }
  const std::string version = std::to_string(build.number);
  std::vector<storage::Entry> listed;
  for (const FileState& state : model.FindVersion(build.number)->files) {
    listed.push_back({state.name.substr(version.size() + 1), false, state.size, state.tag});
  }
  storage::ArtifactCache::TreeRequest request{*model.store, model.name + "/" + version};
  request.fetch.max_bytes = options_.max_model_bytes;
  request.fetch.progress = [&build](std::uint64_t, std::uint64_t) {
    return !build.cancelled.load();
  };
  request.first = file.substr(version.size() + 1);
  request.listed = &listed;
  return deps_.artifacts->UseTree(request, [&](const storage::FetchedTree& tree) -> Status {
    auto opened = tree.Find(request.first);
    if (opened == nullptr) {
      return base::Unavailable(
          fmt::format("'{}/{}' was removed while the version was fetched", model.location, file));
    }
    build.from =
        tree.fetched() ? telemetry::LoadSource::kObjectStore : telemetry::LoadSource::kDisk;
    const std::string place = request.first.substr(0, request.first.rfind('/') + 1);
    const auto external = onnx::ExternalData::FromFinder(
        [&tree, &place](const std::string& location) { return tree.Find(place + location); });
    HADRON_RETURN_IF_ERROR(CheckFiles(build, &tree));
    HADRON_RETURN_IF_ERROR(BuildFrom(std::move(opened), external, build));
    build.parts.on_disk = tree.on_disk();
    return {};
  });
}

Status VersionLoader::BuildFromSaved(const SavedVersion& saved, Build& build) const {
  HADRON_ASSIGN_OR_RETURN(auto image, saved.weights->Read(*saved.compiled->weights(), *deps_.host,
                                                          build.owner, segments_));
  build.from = telemetry::LoadSource::kDisk;
  build.parts.config = saved.config;
  build.parts.labels = saved.labels;
  build.parts.initial_states = saved.initial_states;
  build.parts.defaults = saved.defaults;
  build.parts.compiled = saved.compiled->Over(std::move(image));
  build.parts.saved = build.source.saved.at(build.number);
  return {};
}

std::shared_ptr<const SavedVersion> VersionLoader::Save(const ModelVersion& version) const {
  if (version.saved() != nullptr || deps_.images == nullptr || version.is_ensemble())
    return version.saved();
  const plan::WeightImage& image = *version.compiled().weights();
  auto file = deps_.images->Write(image);
  if (!file.ok()) {
    base::LogWarning(
        "the weights of a model that leaves host memory were not written to this "
        "machine's disk: it comes back from its files",
        {{"model", version.name()}, {"reason", file.message()}});
    return nullptr;
  }
  const std::vector<std::shared_ptr<device::DeviceBuffer>> nothing(image.segments().size());
  return std::make_shared<const SavedVersion>(SavedVersion{
      version.config_ptr(), version.all_labels(), version.initial_states(), version.defaults(),
      version.compiled().Over(image.Over(nothing)), std::move(*file)});
}

StatusOr<std::shared_ptr<const plan::CompiledModel>> VersionLoader::Compile(
    graph::Graph graph, const ModelConfig& config, Build& build) const {
  plan::CompileOptions options;
  // What the first dimensions of a ragged model are is between it and its configuration.
  if (config.ragged()) {
    options.typical_shapes = TypicalBatches(config, graph);
  } else {
    options.max_batch = config.max_batch_size();
  }
  if (config.dynamic_batching()) {
    options.preferred_batches = config.dynamic_batching()->preferred_batch_sizes;
  }
  if (config.sequence_batching()) {
    options.preferred_batches = config.sequence_batching()->preferred_batch_sizes;
  }
  options.disabled_passes = options_.disabled_passes;
  options.max_fold_bytes = options_.max_fold_bytes;
  options.threads = options_.compute_threads;
  options.split_rows = options_.batch_invariant;
  options.owner = build.owner;
  options.shared_segments = &segments_;
  if (!deps_.residency->shares_host_memory()) {
    build.early = deps_.residency->Expect();
    options.packed = [early = build.early](const plan::WeightImage& image, std::uint32_t segment) {
      early->Add(image, segment);
    };
  }
  return plan::CompiledModel::Compile(std::move(graph), std::move(options), *deps_.kernels,
                                      *deps_.device, *deps_.host);
}

Status VersionLoader::WarmPlans(const ResidencyPin& version, const std::string& owner) const {
  // The smallest and the largest batch are ready before the first request; sizes between are made
  // when they are first met, unless they need programs of their own. Models with free dimensions
  // have no sizes to prepare.
  if (version->config().ragged()) return {};
  const plan::CompiledModel& compiled = version->compiled();
  const std::vector<std::int64_t>& buckets = compiled.buckets();
  const auto tuning = Tune();
  std::vector<std::shared_ptr<const plan::ExecutionPlan>> plans;
  for (const std::int64_t rows : buckets) {
    const bool end = rows == buckets.front() || rows == buckets.back();
    if (!end && deps_.programs == nullptr) continue;
    std::vector<tensor::Shape> shapes;
    for (const graph::ValueId id : compiled.graph().inputs()) {
      shapes.push_back(graph::ToShape(compiled.graph().value(id).shape));
      if (version->config().batched()) shapes.back()[0] = rows;
      if (!shapes.back().fully_known()) return {};
    }
    const std::uint64_t programs = Programs();
    HADRON_ASSIGN_OR_RETURN(auto plan, compiled.Specialise(shapes));
    if (end || Programs() != programs) plans.push_back(plan);
    version->plans().Insert(std::move(plan));
  }
  if (deps_.programs == nullptr) return {};
  if (tuning != nullptr && !tuning->shapes().empty()) {
    base::LogInfo("kernels tuned", {{"for", owner}, {"shapes", tuning->shapes().size()}});
  }
  // Drivers compile a kernel when it first runs, which no request shall pay for; and memory or a
  // kernel that the driver refuses is to fail the load.
  HADRON_RETURN_IF_ERROR(Rehearse(version, plans, owner).With("the warm-up run"));
  deps_.programs->Keep();
  return {};
}

std::unique_ptr<backend::Tuning> VersionLoader::Tune() const {
  if (deps_.programs == nullptr) return nullptr;
  // Requests come first: from the first one on, the load takes what is known or built in.
  telemetry::InflightMeter& meter = deps_.metrics->server().inflight;
  const base::Clock& clock = *deps_.clock;
  return deps_.programs->Tune([&meter, &clock, before = meter.Read(clock.Now()).started] {
    const auto now = meter.Read(clock.Now());
    return now.inflight == 0 && now.started == before;
  });
}

std::uint64_t VersionLoader::Programs() const {
  if (deps_.programs == nullptr) return 0;
  const auto counts = deps_.programs->counts();
  return counts.compiled + counts.loaded;
}

StatusOr<TrialLane> VersionLoader::TrialLaneFor(const std::string& owner) const {
  return TrialLane::Create({*deps_.device, *deps_.host, *deps_.lane, *deps_.residency},
                           "warm-up of " + owner);
}

Status VersionLoader::RunSamples(const ResidencyPin& version, const Build& build) const {
  const Source& source = build.source;
  const bool comes_back = source.as_listed || source.saved.contains(build.number);
  if (!WantsWarmUp(version->config(), comes_back)) return {};
  HADRON_ASSIGN_OR_RETURN(TrialLane lane, TrialLaneFor(build.owner));
  return WarmUp({source.model, deps_.host->memory(), build.cancelled, build.owner}, version, lane);
}

Status VersionLoader::Rehearse(const ResidencyPin& version,
                               std::span<const std::shared_ptr<const plan::ExecutionPlan>> plans,
                               const std::string& owner) const {
  HADRON_ASSIGN_OR_RETURN(TrialLane lane, TrialLaneFor(owner));
  for (const auto& plan : plans) {
    std::vector<plan::RunInput> zeros(plan->inputs.size());  // nothing given: zeros
    Status status = lane.Run(version, plan, std::move(zeros), plan->rows);
    // Zeros may be no input that the model takes; everything else is our trouble.
    if (status.code() != base::StatusCode::kInvalidArgument) HADRON_RETURN_IF_ERROR(status.Clone());
  }
  return {};
}

Status VersionLoader::CheckRows(const ResidencyPin& version, const std::string& owner) const {
  if (!options_.batch_invariant) return {};
  const plan::CompiledModel& compiled = version->compiled();
  // The hash does not tell shapes and buckets; plans of other sizes may have other kernels.
  std::string key = fmt::format("{} {}", compiled.plan_hash(), fmt::join(compiled.buckets(), ","));
  for (const graph::ValueId id : compiled.graph().inputs()) {
    key += " " + graph::ToShape(compiled.graph().value(id).shape).ToString();
  }
  {
    const base::MutexLock lock(mutex_);
    if (invariant_.contains(key)) return {};
  }
  const base::TimePoint began = deps_.clock->Now();
  HADRON_ASSIGN_OR_RETURN(const plan::InvarianceOutcome outcome,
                          plan::CheckBatchInvariance(
                              {*deps_.device, *deps_.host, *deps_.lane, "batch check of " + owner},
                              compiled, version.weights_ptr(), [&](std::uint64_t bytes) {
                                return deps_.residency->ObtainArena(*version.version(), bytes);
                              }));
  if (!outcome.skipped.empty()) {
    base::LogVerbose(
        1, "batch invariance not checked",
        {{"model", version->name()}, {"version", version->version()}, {"why", outcome.skipped}});
    return {};
  }
  base::LogVerbose(
      1, "batch invariance checked",
      {{"model", version->name()},
       {"version", version->version()},
       {"rows", outcome.rows},
       {"tensors", outcome.tensors},
       {"ms", std::chrono::duration<double, std::milli>(deps_.clock->Now() - began).count()}});
  const base::MutexLock lock(mutex_);
  invariant_.insert(std::move(key));
  return {};
}

StatusOr<ModelHandle> VersionLoader::Load(const Source& source, std::int64_t number,
                                          const std::atomic<bool>& cancelled) const {
  const auto counts = deps_.metrics->Loads(source.model.name);
  Build build{source, cancelled, number,
              fmt::format("model '{}' version {}", source.model.name, number)};
  const auto compiled = source.compiled.find(number);
  if (compiled != source.compiled.end()) {  // it has been counted
    Status tried = TryOut(compiled->second, build);
    if (tried.ok()) return compiled->second;
    if (tried.code() != base::StatusCode::kCancelled) counts->CountFailure(CauseOf(tried));
    return tried;
  }
  auto version = Make(build);
  if (version.ok()) {
    counts->CountLoad(build.from);
    (*version)->metrics().SetLoadTime(build.from, (*version)->load_seconds());
    if (counts->Remember(number)) {
      (*version)->metrics().ObserveRestore(build.from, (*version)->load_seconds());
    }
  } else if (version.code() != base::StatusCode::kCancelled) {
    counts->CountFailure(CauseOf(version.CloneStatus()));
  }
  return version;
}

StatusOr<ModelHandle> VersionLoader::Make(Build& build) const {
  const base::TimePoint began = deps_.clock->Now();
  const ScannedModel& model = build.source.model;
  const ScannedVersion* scanned = model.FindVersion(build.number);
  HADRON_CHECK(scanned != nullptr);
  if (build.source.config->is_ensemble()) return MakeEnsemble(build);
  const auto saved = build.source.saved.find(build.number);
  if (saved != build.source.saved.end()) {
    HADRON_RETURN_IF_ERROR(BuildFromSaved(*saved->second, build));
  } else {
    HADRON_ASSIGN_OR_RETURN(const std::string file,
                            FindModelFile(model, *scanned, build.source.config->model_filename()));
    if (build.source.as_listed) HADRON_RETURN_IF_ERROR(CheckAsListed(model, *scanned));
    HADRON_RETURN_IF_ERROR(BuildFromStore(file, build));
  }
  ModelVersion::Parts& parts = build.parts;
  parts.name = model.name;
  parts.version = build.number;
  parts.batch_invariant = options_.batch_invariant;
  parts.metrics = deps_.metrics->AddModel(model.name, build.number);
  parts.history = build.source.HistoryOf(build.number);
  HADRON_ASSIGN_OR_RETURN(
      parts.residence,
      deps_.residency->Admit({model.name, parts.compiled->weights(), parts.metrics, parts.history,
                              parts.config->idle_evict(), build.source.ReplacedBy(build.number),
                              build.source.reload_policy, std::move(build.early)}));
  parts.tried_out = false;
  const ModelHandle version = std::make_shared<const ModelVersion>(std::move(parts));
  HADRON_RETURN_IF_ERROR(CheckNotCancelled(build.cancelled));
  // Where the memories are one it is on the device by now.
  if (build.source.rung == Rung::kResident || deps_.residency->shares_host_memory()) {
    HADRON_RETURN_IF_ERROR(TryOut(version, build));
  }
  version->metrics().load_seconds.store(
      std::chrono::duration<double>(deps_.clock->Now() - began).count());
  return version;
}

StatusOr<ModelHandle> VersionLoader::MakeEnsemble(Build& build) const {
  const ScannedModel& model = build.source.model;
  HADRON_RETURN_IF_ERROR(CheckFiles(build, nullptr));
  ModelVersion::Parts parts;
  config::CompletionOptions completion;
  completion.strict = options_.disable_auto_complete;
  HADRON_ASSIGN_OR_RETURN(parts.config,
                          config::Complete(*build.source.config, nullptr, completion));
  config::LogNotices(*parts.config);
  HADRON_ASSIGN_OR_RETURN(parts.labels, ReadLabels(model, *parts.config));
  parts.name = model.name;
  parts.version = build.number;
  parts.metrics = deps_.metrics->AddModel(model.name, build.number);
  parts.history = build.source.HistoryOf(build.number);
  return std::make_shared<const ModelVersion>(std::move(parts));
}

/// Loads hold their weights while they ask for what runs need besides, and so keep each other from
/// it where the device is small. Who goes back for others comes again when it is alone in that.
Status VersionLoader::TryOut(const ModelHandle& version, const Build& build) const {
  Status tried = TryOutOnce(version, build);
  if (!ResidencyManager::Yielded(tried)) return tried;
  const base::MutexLock alone(second_try_);
  const base::TimePoint end = deps_.clock->Now() + deps_.residency->restore_timeout();
  while (ResidencyManager::Yielded(tried) && deps_.clock->Now() < end) {
    tried = TryOutOnce(version, build);
  }
  return tried;
}

Status VersionLoader::TryOutOnce(const ModelHandle& version, const Build& build) const {
  HADRON_ASSIGN_OR_RETURN(const ResidencyPin pin, deps_.residency->Obtain(version));
  HADRON_RETURN_IF_ERROR(WarmPlans(pin, build.owner));
  HADRON_RETURN_IF_ERROR(CheckNotCancelled(build.cancelled));
  HADRON_RETURN_IF_ERROR(CheckRows(pin, build.owner));
  HADRON_RETURN_IF_ERROR(RunSamples(pin, build));
  version->SetTriedOut();
  return {};
}

}  // namespace hadron::model
