#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/batch_io.h"
#include "config/ensemble.h"
#include "config/sequence_batching.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace hadron::config {

/// One input or output as the configuration describes it. Dimensions never include the batch
/// dimension; -1 means "any".
struct IoConfig {
  std::string name;
  tensor::DataType type = tensor::DataType::kInvalid;
  tensor::Shape dims;                    ///< what clients see
  std::optional<tensor::Shape> reshape;  ///< what the model sees instead, same element count
  std::string label_filename;            ///< outputs only, relative to the model's directory
  bool optional = false;                 ///< inputs only: a request may leave it out
  /// Inputs only: requests of one batch may differ in shape; the model gets their elements one
  /// behind the other, in one dimension.
  bool ragged = false;

  const tensor::Shape& model_shape() const { return reshape ? *reshape : dims; }
};

/// Which version directories are served.
struct VersionPolicy {
  enum class Kind : std::uint8_t { kLatest, kAll, kSpecific };
  Kind kind = Kind::kLatest;
  std::uint32_t latest = 1;            ///< kLatest: how many of the highest numbers
  std::vector<std::int64_t> specific;  ///< kSpecific: exactly these
};

/// What happens to requests that wait in a queue.
struct QueuePolicy {
  enum class TimeoutAction : std::uint8_t { kReject, kDelay };
  TimeoutAction timeout_action = TimeoutAction::kReject;
  std::chrono::microseconds default_timeout{0};  ///< 0 = none; at most a year
  bool allow_timeout_override = false;
  std::uint32_t max_queue_size = 0;  ///< 0 = unlimited
};

struct DynamicBatching {
  std::vector<std::int64_t> preferred_batch_sizes;  ///< empty only when max_batch_size is 0
  std::chrono::microseconds max_queue_delay{0};     ///< at most a year
  bool preserve_ordering = false;
  std::uint64_t priority_levels = 0;  ///< 0 = no priorities
  std::uint64_t default_priority_level = 0;
  QueuePolicy default_queue_policy;
  std::map<std::uint64_t, QueuePolicy> priority_queue_policies;  ///< by level, 1 is the highest
  /// The file says nothing about batching: sizes and delay follow from what is measured, and a
  /// client's timeout counts.
  bool tuned = false;
};

/// Where and how often a model runs at the same time.
struct InstanceGroup {
  enum class Kind : std::uint8_t { kCpu, kGpu };
  std::string name;
  Kind kind = Kind::kCpu;
  std::int64_t count = 1;          ///< concurrent executions; the weights are shared
  std::vector<std::int64_t> gpus;  ///< kGpu: device indices, never empty
  bool passive = false;            ///< nothing is scheduled on it
  /// What an instance holds while it executes, where the server limits that.
  struct Resource {
    std::string name;
    bool global = false;  ///< one pool for all devices
    std::uint32_t count = 0;
  };
  std::vector<Resource> resources;
  std::uint32_t priority = 0;  ///< 0 = 1; its executions count so much
};

/// Requests to run before a version becomes ready.
struct WarmupSample {
  enum class Data : std::uint8_t { kZero, kRandom, kFile };
  struct Input {
    std::string name;
    tensor::DataType type = tensor::DataType::kInvalid;
    tensor::Shape dims;  ///< without batch dimension, no -1
    Data data = Data::kZero;
    std::string file;  ///< kFile: below the model's `warmup` directory
  };
  std::string name;
  std::int64_t batch_size = 0;  ///< 0 = the sample is skipped
  std::int64_t count = 1;
  std::vector<Input> inputs;
};

/// Something the operator should read about a configuration that is otherwise accepted.
struct Notice {
  bool warning = false;  ///< else for information
  std::string text;
};

/// A model's configuration: checked, completed, normalised. Made by Complete() (complete.h); tests
/// may build one from Fields. Immutable, shared as shared_ptr<const ModelConfig>.
///
///     HADRON_ASSIGN_OR_RETURN(auto config, Complete(raw, &graph, options));
///     if (const IoConfig* input = config->FindInput("image")) ...
class ModelConfig {
 public:
  struct Fields {
    std::string name;
    std::string platform;
    std::string backend;
    std::string default_model_filename;
    std::int64_t max_batch_size = 0;
    std::vector<IoConfig> inputs;
    std::vector<IoConfig> outputs;
    std::vector<BatchInput> batch_inputs;
    std::vector<BatchOutput> batch_outputs;
    VersionPolicy version_policy;
    std::optional<DynamicBatching> dynamic_batching;
    std::optional<SequenceBatching> sequence_batching;
    std::optional<EnsembleScheduling> ensemble;
    std::vector<InstanceGroup> instance_groups;
    std::vector<WarmupSample> warmup;
    bool warmup_on_restore = false;
    bool response_cache = false;
    std::map<std::string, std::string> parameters;
    std::optional<std::chrono::seconds> idle_evict;
    std::map<std::string, std::string> metric_tags;
    std::vector<Notice> notices;
    std::string wire;  ///< the completed message, serialised
  };

  explicit ModelConfig(Fields fields) : fields_(std::move(fields)) {}

  const std::string& name() const { return fields_.name; }
  const std::string& platform() const { return fields_.platform; }
  const std::string& backend() const { return fields_.backend; }
  const std::string& default_model_filename() const { return fields_.default_model_filename; }
  /// 0 = the model has no batch dimension.
  std::int64_t max_batch_size() const { return fields_.max_batch_size; }
  bool batched() const { return fields_.max_batch_size > 0; }
  const std::vector<IoConfig>& inputs() const { return fields_.inputs; }
  const std::vector<IoConfig>& outputs() const { return fields_.outputs; }
  const std::vector<BatchInput>& batch_inputs() const { return fields_.batch_inputs; }
  const std::vector<BatchOutput>& batch_outputs() const { return fields_.batch_outputs; }
  /// The model sees how a batch is made up: its rows are not simply one behind the other.
  bool ragged() const;
  const VersionPolicy& version_policy() const { return fields_.version_policy; }
  /// Nothing = requests run as they come, one at a time: the model cannot batch, or parameter
  /// hadron.batching says "off".
  const std::optional<DynamicBatching>& dynamic_batching() const {
    return fields_.dynamic_batching;
  }
  /// Nothing = requests have nothing to do with each other.
  const std::optional<SequenceBatching>& sequence_batching() const {
    return fields_.sequence_batching;
  }
  /// Set when the model has no file: its answers are those of other models.
  const std::optional<EnsembleScheduling>& ensemble() const { return fields_.ensemble; }
  const std::vector<InstanceGroup>& instance_groups() const { return fields_.instance_groups; }
  const std::vector<WarmupSample>& warmup() const { return fields_.warmup; }
  /// Parameter hadron.warmup_on_restore.
  bool warmup_on_restore() const { return fields_.warmup_on_restore; }
  /// Answers may be kept and given again, if the server has a cache.
  bool response_cache() const { return fields_.response_cache; }
  const std::map<std::string, std::string>& parameters() const { return fields_.parameters; }
  /// Parameter hadron.idle_evict_secs: the model's own --idle-evict-secs.
  std::optional<std::chrono::seconds> idle_evict() const { return fields_.idle_evict; }
  /// Without the "_" that metrics put in front of each key.
  const std::map<std::string, std::string>& metric_tags() const { return fields_.metric_tags; }
  const std::vector<Notice>& notices() const { return fields_.notices; }

  /// Null when there is none of that name.
  const IoConfig* FindInput(std::string_view name) const;
  const IoConfig* FindOutput(std::string_view name) const;
  /// By what it fills or takes apart; null when there is none.
  const BatchInput* FindBatchInput(std::string_view target) const;
  const BatchOutput* FindBatchOutput(std::string_view target) const;
  /// The client's view of a tensor: dims, with -1 in front when the model is batched.
  tensor::Shape ClientShape(const IoConfig& io) const;
  /// The model's view: model_shape(), with -1 in front when the model is batched; [-1] of ragged
  /// inputs.
  tensor::Shape GraphShape(const IoConfig& io) const;

  /// What the configuration endpoint answers: snake_case names, 64-bit integers as numbers,
  /// enumerations by name, default values of plain fields printed.
  std::string ToJson() const;
  /// Wire bytes of inference.ModelConfig.
  const std::string& Serialized() const { return fields_.wire; }

 private:
  Fields fields_;
};

/// Writes the notices to the log; called once per load.
void LogNotices(const ModelConfig& config);

/// True unless both differ at most in instance_group and version_policy, which are applied to a
/// model in service.
bool NeedsReload(const ModelConfig& now, const ModelConfig& next);

/// Lines of a label file; a trailing newline or carriage return belongs to no label.
std::vector<std::string> ParseLabels(std::string_view text);

}  // namespace hadron::config
