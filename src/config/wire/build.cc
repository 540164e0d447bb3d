#include "config/wire/build.h"

#include <algorithm>

#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

/// Longer than any wait that means something, short enough for arithmetic on nanoseconds.
constexpr std::chrono::microseconds kLongest = std::chrono::hours(24 * 365);

std::chrono::microseconds Microseconds(std::uint64_t value) {
  const auto longest = static_cast<std::uint64_t>(kLongest.count());
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(value, longest)));
}

template <typename Io>
IoConfig BuildIo(const Io& io) {
  IoConfig built;
  built.name = io.name();
  built.type = ToDataType(io.data_type());
  built.dims = ToShape(io.dims());
  if (io.has_reshape()) built.reshape = ToShape(io.reshape().shape());
  return built;
}

QueuePolicy BuildPolicy(const ::inference::ModelQueuePolicy& policy) {
  QueuePolicy built;
  if (policy.timeout_action() == ::inference::ModelQueuePolicy::DELAY) {
    built.timeout_action = QueuePolicy::TimeoutAction::kDelay;
  }
  built.default_timeout = Microseconds(policy.default_timeout_microseconds());
  built.allow_timeout_override = policy.allow_timeout_override();
  built.max_queue_size = policy.max_queue_size();
  return built;
}

DynamicBatching BuildBatching(const ::inference::ModelDynamicBatching& batching) {
  DynamicBatching built;
  built.preferred_batch_sizes.assign(batching.preferred_batch_size().begin(),
                                     batching.preferred_batch_size().end());
  std::ranges::sort(built.preferred_batch_sizes);
  built.max_queue_delay = Microseconds(batching.max_queue_delay_microseconds());
  built.preserve_ordering = batching.preserve_ordering();
  built.priority_levels = batching.priority_levels();
  built.default_priority_level = batching.default_priority_level();
  built.default_queue_policy = BuildPolicy(batching.default_queue_policy());
  for (const auto& [level, policy] : batching.priority_queue_policy()) {
    built.priority_queue_policies.emplace(level, BuildPolicy(policy));
  }
  return built;
}

SequenceControl BuildControl(const std::string& input,
                             const ::inference::ModelSequenceBatching::Control& control) {
  SequenceControl built;
  built.kind = static_cast<SequenceControl::Kind>(control.kind());  // the numbers are the same
  built.input = input;
  const auto pair = [&built](tensor::DataType type, const auto& values) {
    if (values.size() != 2) return;
    built.type = type;
    built.no = static_cast<double>(values[0]);
    built.yes = static_cast<double>(values[1]);
  };
  built.type = ToDataType(control.data_type());
  pair(tensor::DataType::kInt32, control.int32_false_true());
  pair(tensor::DataType::kFp32, control.fp32_false_true());
  pair(tensor::DataType::kBool, control.bool_false_true());
  return built;
}

SequenceState BuildState(const ::inference::ModelSequenceBatching::State& state) {
  SequenceState built{.input = state.input_name(),
                      .output = state.output_name(),
                      .type = ToDataType(state.data_type()),
                      .dims = ToShape(state.dims()),
                      .initial_dims = ToShape(state.dims()),
                      .initial_file = {}};
  if (state.initial_state_size() > 0) {
    built.initial_dims = ToShape(state.initial_state(0).dims());
    built.initial_file = state.initial_state(0).data_file();
  }
  for (std::size_t i = 0; i < built.initial_dims.rank(); ++i) {
    if (built.initial_dims[i] < 0) built.initial_dims[i] = 1;
  }
  return built;
}

SequenceBatching BuildSequences(const ::inference::ModelSequenceBatching& batching,
                                std::int64_t max_batch_size) {
  SequenceBatching built;
  const auto delay = [&](const auto& settings) {
    built.max_queue_delay = Microseconds(settings.max_queue_delay_microseconds());
  };
  if (batching.has_oldest()) {
    const auto& oldest = batching.oldest();
    built.strategy = SequenceBatching::Strategy::kOldest;
    built.max_candidates = oldest.max_candidate_sequences();
    built.preserve_ordering = oldest.preserve_ordering();
    built.preferred_batch_sizes.assign(oldest.preferred_batch_size().begin(),
                                       oldest.preferred_batch_size().end());
    std::ranges::sort(built.preferred_batch_sizes);
    delay(oldest);
  } else {
    built.minimum_slot_utilization = batching.direct().minimum_slot_utilization();
    delay(batching.direct());
  }
  if (built.max_candidates == 0) built.max_candidates = std::max<std::int64_t>(1, max_batch_size);
  built.max_idle = Microseconds(batching.max_sequence_idle_microseconds());
  for (const auto& input : batching.control_input()) {
    for (const auto& control : input.control()) {
      built.controls.push_back(BuildControl(input.name(), control));
    }
  }
  for (const auto& state : batching.state()) built.states.push_back(BuildState(state));
  return built;
}

EnsembleScheduling BuildEnsemble(const ::inference::ModelEnsembling& ensemble) {
  EnsembleScheduling built;
  built.max_inflight_requests = ensemble.max_inflight_requests();
  for (const auto& step : ensemble.step()) {
    EnsembleStep& one = built.steps.emplace_back();
    one.model = step.model_name();
    if (step.model_version() > 0) one.version = step.model_version();
    one.inputs.insert(step.input_map().begin(), step.input_map().end());
    one.outputs.insert(step.output_map().begin(), step.output_map().end());
  }
  return built;
}

BatchInput BuildBatchInput(const ::inference::BatchInput& input) {
  return {.kind = static_cast<BatchInput::Kind>(input.kind()),  // the numbers are the same
          .targets = {input.target_name().begin(), input.target_name().end()},
          .type = ToDataType(input.data_type()),
          .source = input.source_input(0)};
}

BatchOutput BuildBatchOutput(const ::inference::BatchOutput& output) {
  return {.targets = {output.target_name().begin(), output.target_name().end()},
          .source = output.source_input(0)};
}

void BuildTensors(const ::inference::ModelConfig& config, ModelConfig::Fields& built) {
  for (const auto& input : config.input()) {
    built.inputs.push_back(BuildIo(input));
    built.inputs.back().optional = input.optional();
    built.inputs.back().ragged = input.allow_ragged_batch();
  }
  for (const auto& output : config.output()) {
    built.outputs.push_back(BuildIo(output));
    built.outputs.back().label_filename = output.label_filename();
  }
  for (const auto& input : config.batch_input()) {
    built.batch_inputs.push_back(BuildBatchInput(input));
  }
  for (const auto& output : config.batch_output()) {
    built.batch_outputs.push_back(BuildBatchOutput(output));
  }
}

InstanceGroup BuildGroup(const ::inference::ModelInstanceGroup& group) {
  InstanceGroup built;
  built.name = group.name();
  if (group.kind() == ::inference::ModelInstanceGroup::KIND_GPU) {
    built.kind = InstanceGroup::Kind::kGpu;
  }
  built.count = group.count();
  built.gpus.assign(group.gpus().begin(), group.gpus().end());
  built.passive = group.passive();
  for (const auto& resource : group.rate_limiter().resources()) {
    built.resources.push_back({resource.name(), resource.global(), resource.count()});
  }
  built.priority = group.rate_limiter().priority();
  return built;
}

WarmupSample::Input BuildWarmupInput(const std::string& name,
                                     const ::inference::ModelWarmup::Input& input) {
  WarmupSample::Input built{.name = name,
                            .type = ToDataType(input.data_type()),
                            .dims = ToShape(input.dims()),
                            .file = input.input_data_file()};
  const bool is_text = built.type == tensor::DataType::kString;
  if (!built.file.empty()) {
    built.data = WarmupSample::Data::kFile;
  } else if (input.input_data_type_case() == ::inference::ModelWarmup::Input::kRandomData &&
             !is_text) {
    built.data = WarmupSample::Data::kRandom;
  }
  return built;
}

WarmupSample BuildSample(const ::inference::ModelWarmup& sample) {
  WarmupSample built{.name = sample.name(),
                     .batch_size = sample.batch_size(),
                     .count = std::max<std::int64_t>(sample.count(), 1),
                     .inputs = {}};
  for (const auto& [name, input] : sample.inputs()) {
    built.inputs.push_back(BuildWarmupInput(name, input));
  }
  std::ranges::sort(built.inputs, {}, &WarmupSample::Input::name);
  return built;
}

}  // namespace

VersionPolicy BuildVersionPolicy(const ::inference::ModelConfig& config) {
  const auto& policy = config.version_policy();
  VersionPolicy built;
  if (policy.has_all()) built.kind = VersionPolicy::Kind::kAll;
  if (policy.has_latest()) built.latest = policy.latest().num_versions();
  if (policy.has_specific()) {
    built.kind = VersionPolicy::Kind::kSpecific;
    built.specific.assign(policy.specific().versions().begin(), policy.specific().versions().end());
  }
  return built;
}

ModelConfig::Fields Build(const ::inference::ModelConfig& config, std::vector<Notice> notices) {
  ModelConfig::Fields built;
  built.name = config.name();
  built.platform = config.platform();
  built.backend = config.backend();
  built.default_model_filename = config.default_model_filename();
  built.max_batch_size = config.max_batch_size();
  BuildTensors(config, built);
  built.version_policy = BuildVersionPolicy(config);
  if (config.has_dynamic_batching()) {
    built.dynamic_batching = BuildBatching(config.dynamic_batching());
  }
  if (config.has_sequence_batching()) {
    built.sequence_batching = BuildSequences(config.sequence_batching(), config.max_batch_size());
  }
  if (config.has_ensemble_scheduling()) {
    built.ensemble = BuildEnsemble(config.ensemble_scheduling());
  }
  for (const auto& group : config.instance_group()) {
    built.instance_groups.push_back(BuildGroup(group));
  }
  for (const auto& sample : config.model_warmup()) built.warmup.push_back(BuildSample(sample));
  built.response_cache = config.response_cache().enable();
  for (const auto& [key, value] : config.parameters()) {
    built.parameters.emplace(key, value.string_value());
  }
  const auto again = built.parameters.find(kWarmupOnRestore);
  built.warmup_on_restore = again != built.parameters.end() && again->second == "true";
  const auto idle = built.parameters.find(kIdleEvictSecs);
  if (idle != built.parameters.end()) built.idle_evict = ParseIdleSecs(idle->second);
  built.metric_tags.insert(config.metric_tags().begin(), config.metric_tags().end());
  built.notices = std::move(notices);
  built.wire = Serialize(config);
  return built;
}

}  // namespace hadron::config::wire
