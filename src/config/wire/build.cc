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

InstanceGroup BuildGroup(const ::inference::ModelInstanceGroup& group) {
  InstanceGroup built;
  built.name = group.name();
  if (group.kind() == ::inference::ModelInstanceGroup::KIND_GPU) {
    built.kind = InstanceGroup::Kind::kGpu;
  }
  built.count = group.count();
  built.gpus.assign(group.gpus().begin(), group.gpus().end());
  built.passive = group.passive();
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
  for (const auto& input : config.input()) {
    built.inputs.push_back(BuildIo(input));
    built.inputs.back().optional = input.optional();
  }
  for (const auto& output : config.output()) {
    built.outputs.push_back(BuildIo(output));
    built.outputs.back().label_filename = output.label_filename();
  }
  built.version_policy = BuildVersionPolicy(config);
  if (config.has_dynamic_batching()) {
    built.dynamic_batching = BuildBatching(config.dynamic_batching());
  }
  for (const auto& group : config.instance_group()) {
    built.instance_groups.push_back(BuildGroup(group));
  }
  for (const auto& sample : config.model_warmup()) built.warmup.push_back(BuildSample(sample));
  built.response_cache = config.response_cache().enable();
  for (const auto& [key, value] : config.parameters()) {
    built.parameters.emplace(key, value.string_value());
  }
  const auto idle = built.parameters.find(kIdleEvictSecs);
  if (idle != built.parameters.end()) built.idle_evict = ParseIdleSecs(idle->second);
  built.metric_tags.insert(config.metric_tags().begin(), config.metric_tags().end());
  built.notices = std::move(notices);
  built.wire = Serialize(config);
  return built;
}

}  // namespace hadron::config::wire
