#include "config/complete.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "base/strings.h"
#include "config/wire/build.h"
#include "config/wire/checks.h"
#include "config/wire/instance_groups.h"
#include "config/wire/values.h"

namespace hadron::config {
namespace {

constexpr std::string_view kModelFile = "model.onnx";

// ---- Identify: name, backend, file ------------------------------------------

/// Files by which other frameworks' models are recognised.
std::string_view ForeignFramework(const std::string& file) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kFiles = {
      {{"model.plan", "TensorRT"},
       {"model.pt", "PyTorch"},
       {"model.pt2", "PyTorch"},
       {"model.graphdef", "TensorFlow"},
       {"model.savedmodel", "TensorFlow"},
       {"model.py", "Python"},
       {"model.xml", "OpenVINO"},
       {"model.dali", "DALI"}}};
  const auto at = std::ranges::find(kFiles, file, [](const auto& row) { return row.first; });
  return at == kFiles.end() ? std::string_view() : at->second;
}

base::Status CannotIdentify(const ModelDirectory& directory) {
  for (const std::string& file : directory.first_version_files) {
    const std::string_view framework = ForeignFramework(file);
    if (framework.empty()) continue;
    return base::InvalidArgument(fmt::format(
        "model {} is a {} model ('{}'); Hadron serves ONNX models only: export it as {}",
        wire::Quote(directory.name), framework, file, kModelFile));
  }
  constexpr std::size_t kListed = 8;
  std::vector<std::string> files = directory.first_version_files;
  if (files.size() > kListed) files.resize(kListed);
  return base::InvalidArgument(fmt::format(
      "model {}: neither platform nor backend is configured and the first version directory has "
      "no {} (it has: {})",
      wire::Quote(directory.name), kModelFile,
      files.empty() ? "nothing" : base::EscapeControl(base::Join(files, ", "))));
}

bool LooksLikeOnnx(const ::inference::ModelConfig& config, const ModelDirectory& directory) {
  if (config.platform() == "onnxruntime_onnx") return true;
  if (config.default_model_filename() == kModelFile) return true;
  return config.platform().empty() && config.default_model_filename().empty() &&
         std::ranges::find(directory.first_version_files, kModelFile) !=
             directory.first_version_files.end();
}

base::Status IdentifyBackend(const ModelDirectory& directory, bool strict,
                             ::inference::ModelConfig& config) {
  if (config.backend().empty()) {
    if (strict && config.platform().empty()) {
      return base::InvalidArgument(
          "must specify 'platform' or 'backend' (completion is switched off)");
    }
    if (!LooksLikeOnnx(config, directory)) return CannotIdentify(directory);
  }
  config.set_backend("onnxruntime");
  config.set_platform("onnxruntime_onnx");
  if (config.default_model_filename().empty()) {
    config.set_default_model_filename(std::string(kModelFile));
  }
  return base::OkStatus();
}

base::Status IdentifyName(const ModelDirectory& directory, bool strict,
                          ::inference::ModelConfig& config) {
  if (config.name().empty()) {
    if (strict) {
      return base::InvalidArgument("must specify 'name' (completion is switched off)");
    }
    config.set_name(directory.name);
  }
  if (config.name() == directory.name) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("unexpected directory name {} for model {}, directory name must equal model name",
                  wire::Quote(directory.name), wire::Quote(config.name())));
}

// ---- Complete: what the graph knows -----------------------------------------

template <typename Io>
base::Status FillIo(const graph::Value& value, std::string_view name, bool batched, Io& io) {
  if (value.type == tensor::DataType::kInvalid) {
    return base::InvalidArgument(
        fmt::format("tensor {} has an element type that cannot be served", wire::Quote(name)));
  }
  io.set_name(std::string(name));
  io.set_data_type(static_cast<::inference::DataType>(value.type));
  const tensor::Shape shape = graph::ToShape(value.shape);
  for (std::size_t axis = batched ? 1 : 0; axis < shape.rank(); ++axis) io.add_dims(shape[axis]);
  if (io.dims_size() == 0) {
    io.add_dims(1);
    if (batched) io.mutable_reshape();  // one value per batch item: the model sees no dimension
  }
  return base::OkStatus();
}

/// What clients neither send nor get: the control inputs of sequences and their states, and what
/// tells how a batch is made up.
bool OfServer(const ::inference::ModelConfig& config, const std::string& name, bool is_output) {
  const auto names = [&](const auto& input) {
    return std::ranges::find(input.target_name(), name) != input.target_name().end();
  };
  if (!is_output && std::ranges::any_of(config.batch_input(), names)) return true;
  const auto& batching = config.sequence_batching();
  const auto of_state = [&](const auto& state) { return state.output_name() == name; };
  if (is_output) return std::ranges::any_of(batching.state(), of_state);
  return wire::IsSequenceInput(config, name);
}

base::Status FillTensors(const graph::Graph& graph, ::inference::ModelConfig& config) {
  const bool batched = config.max_batch_size() > 0;
  if (config.input().empty()) {
    for (const graph::ValueId id : graph.inputs()) {
      const graph::Value& value = graph.value(id);
      if (OfServer(config, value.name, false)) continue;
      HADRON_RETURN_IF_ERROR(FillIo(value, value.name, batched, *config.add_input()));
    }
  }
  if (config.output().empty()) {
    for (const graph::GraphOutput& output : graph.outputs()) {
      if (OfServer(config, output.name, true)) continue;
      HADRON_RETURN_IF_ERROR(
          FillIo(graph.value(output.value), output.name, batched, *config.add_output()));
    }
  }
  return base::OkStatus();
}

/// max_batch_size and, where it allows batches, a scheduler that forms them.
base::Status FillBatching(const graph::Graph& graph, const CompletionOptions& options,
                          ::inference::ModelConfig& config, std::vector<Notice>& notices) {
  // Such a model's dimensions do not tell whether it batches; its configuration has said so.
  if (wire::IsRagged(config)) return base::OkStatus();
  HADRON_ASSIGN_OR_RETURN(const std::string obstacle, WhyNotBatchable(graph));
  if (!obstacle.empty()) {
    if (config.max_batch_size() == 0) return base::OkStatus();
    return base::InvalidArgument(
        fmt::format("autofill failed for model {}: model does not support batching while non-zero "
                    "max_batch_size is specified ({})",
                    wire::Quote(config.name()), obstacle));
  }
  if (config.max_batch_size() == 0) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    config.set_max_batch_size(static_cast<std::int32_t>(
        std::clamp<std::int64_t>(options.default_max_batch_size, 0, kMost)));
    notices.push_back(
        {true, fmt::format("the model can be batched: max_batch_size is set to {}; list inputs "
                           "and outputs to forbid batching",
                           config.max_batch_size())});
  }
  const bool scheduled =
      config.scheduling_choice_case() != ::inference::ModelConfig::SCHEDULING_CHOICE_NOT_SET;
  if (config.max_batch_size() > 1 && !scheduled) config.mutable_dynamic_batching();
  return base::OkStatus();
}

base::Status FillFromGraph(const graph::Graph* graph, const CompletionOptions& options,
                           ::inference::ModelConfig& config, std::vector<Notice>& notices) {
  if (!config.input().empty() && !config.output().empty()) return base::OkStatus();
  if (options.strict || graph == nullptr) {
    return base::InvalidArgument(
        fmt::format("must specify '{}' ({})", config.input().empty() ? "input" : "output",
                    options.strict ? "completion is switched off" : "there is no model file"));
  }
  HADRON_RETURN_IF_ERROR(FillBatching(*graph, options, config, notices));
  return FillTensors(*graph, config);
}

void FillSequenceDefaults(::inference::ModelConfig& config) {
  if (!config.has_sequence_batching()) return;
  constexpr std::uint64_t kDefaultIdleUs = 1'000'000;
  auto& batching = *config.mutable_sequence_batching();
  if (batching.max_sequence_idle_microseconds() == 0) {
    batching.set_max_sequence_idle_microseconds(kDefaultIdleUs);
  }
  if (batching.has_oldest() && config.max_batch_size() > 0 &&
      batching.oldest().preferred_batch_size().empty()) {
    batching.mutable_oldest()->add_preferred_batch_size(config.max_batch_size());
  }
}

base::Status FillDefaults(const CompletionOptions& options, ::inference::ModelConfig& config,
                          std::vector<Notice>& notices) {
  if (config.version_policy().policy_choice_case() ==
      ::inference::ModelVersionPolicy::POLICY_CHOICE_NOT_SET) {
    config.mutable_version_policy()->mutable_latest()->set_num_versions(1);
  }
  if (config.has_dynamic_batching() && config.max_batch_size() > 0 &&
      config.dynamic_batching().preferred_batch_size().empty()) {
    config.mutable_dynamic_batching()->add_preferred_batch_size(config.max_batch_size());
  }
  FillSequenceDefaults(config);
  if (config.has_ensemble_scheduling()) return base::OkStatus();  // it runs nowhere itself
  auto& optimization = *config.mutable_optimization();
  if (!optimization.has_input_pinned_memory()) {
    optimization.mutable_input_pinned_memory()->set_enable(true);
  }
  if (!optimization.has_output_pinned_memory()) {
    optimization.mutable_output_pinned_memory()->set_enable(true);
  }
  return wire::CompleteInstanceGroups({options.gpu_count, options.allow_cpu_fallback}, config,
                                      notices);
}

/// Who does not choose a scheduler gets one that finds its settings by itself.
void TuneBatching(const ::inference::ModelConfig& written, ModelConfig::Fields& built) {
  const bool chosen =
      written.scheduling_choice_case() != ::inference::ModelConfig::SCHEDULING_CHOICE_NOT_SET;
  const auto batching = built.parameters.find(wire::kBatching);
  const bool off = batching != built.parameters.end() && batching->second == "off";
  if (chosen || off || built.max_batch_size < 2) {
    if (off && !chosen) built.dynamic_batching.reset();
    return;
  }
  if (!built.dynamic_batching) built.dynamic_batching.emplace();
  built.dynamic_batching->preferred_batch_sizes = {built.max_batch_size};
  built.dynamic_batching->tuned = true;
}

}  // namespace

base::StatusOr<RawConfig> Identify(RawConfig raw, const ModelDirectory& directory, bool strict) {
  ::inference::ModelConfig& config = raw.message();
  HADRON_RETURN_IF_ERROR(IdentifyName(directory, strict, config));
  HADRON_RETURN_IF_ERROR(wire::CheckFeatures(config));
  if (raw.is_ensemble()) return raw;  // it has no file, and nothing is completed but defaults
  HADRON_RETURN_IF_ERROR(IdentifyBackend(directory, strict, config));
  return raw;
}

base::StatusOr<std::shared_ptr<const ModelConfig>> Complete(const RawConfig& raw,
                                                            const graph::Graph* graph,
                                                            const CompletionOptions& options) {
  ::inference::ModelConfig config = raw.message();
  std::vector<Notice> notices;
  HADRON_RETURN_IF_ERROR(FillFromGraph(graph, options, config, notices));
  HADRON_RETURN_IF_ERROR(wire::CheckTensors(config));
  HADRON_RETURN_IF_ERROR(wire::CheckBatchIo(config));
  wire::AddNotices(config, notices);
  HADRON_RETURN_IF_ERROR(FillDefaults(options, config, notices));
  HADRON_RETURN_IF_ERROR(wire::CheckDynamicBatching(config));
  HADRON_RETURN_IF_ERROR(wire::CheckWarmup(config));
  ModelConfig::Fields built = wire::Build(config, std::move(notices));
  TuneBatching(raw.message(), built);
  return std::make_shared<const ModelConfig>(std::move(built));
}

}  // namespace hadron::config
