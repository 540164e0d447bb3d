#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/model_config.h"
#include "model/statistics.h"
#include "plan/compiled_model.h"
#include "plan/plan_cache.h"
#include "storage/bytes_on_disk.h"
#include "telemetry/model_metrics.h"
#include "tensor/host_tensor.h"

namespace hadron::model {

/// What clients see of a version. Legal transitions: UNKNOWN -> LOADING -> READY -> UNLOADING ->
/// UNAVAILABLE, LOADING -> UNAVAILABLE (with the reason), UNAVAILABLE -> LOADING.
enum class VersionState : std::uint8_t {
  kUnknown,      ///< in the repository, nobody asked for it yet
  kLoading,      ///< being fetched, parsed, compiled
  kReady,        ///< answers requests
  kUnloading,    ///< hidden; waits for its last handle
  kUnavailable,  ///< failed to load, or unloaded; the reason says which
};

/// "READY".
std::string_view VersionStateName(VersionState state);

/// How far somebody needs a model.
enum class Rung : std::uint8_t {
  kCompiled,  ///< it can be described: configuration, inputs, outputs
  kResident,  ///< it can serve: it has been on its device and was tried out
};

class ResidencyManager;
class Residence;
struct SavedVersion;

/// One loaded version of a model: configuration, compiled plan, weights in memory. An ensemble has
/// the configuration alone: nothing that is compiled, and no residence. Made by a load thread,
/// published by ModelManager, kept alive by handles. Immutable but for the plan cache and the
/// statistics, which are thread-safe; the latter it may share with earlier instances.
class ModelVersion {
 public:
  struct Parts {
    std::string name;
    std::int64_t version = 0;
    std::shared_ptr<const config::ModelConfig> config;
    std::shared_ptr<const plan::CompiledModel> compiled;
    std::shared_ptr<Residence> residence;  ///< where its weights are; of this version alone
    std::shared_ptr<telemetry::ModelMetrics> metrics;
    std::shared_ptr<VersionHistory> history = std::make_shared<VersionHistory>();
    /// By output name: one label an element index; outputs without labels are absent.
    std::map<std::string, std::vector<std::string>> labels;
    /// Of sequences, by the name of the input; those that begin with zeros are absent.
    std::map<std::string, base::IoBuf> initial_states = {};
    /// What an input is that a request leaves out; of models that batch one row. By name.
    std::map<std::string, tensor::HostTensor> defaults = {};
    bool batch_invariant = true;  ///< promised: the load has checked what it can
    /// Of files that come from a store; those of a local repository are all on its disk.
    std::optional<storage::BytesOnDisk> on_disk;
    bool tried_out = true;                           ///< see ModelVersion::tried_out
    std::shared_ptr<const SavedVersion> saved = {};  ///< what it was made of, if not of its files
  };
  explicit ModelVersion(Parts parts);

  const std::string& name() const { return parts_.name; }
  std::int64_t version() const { return parts_.version; }
  const config::ModelConfig& config() const { return *parts_.config; }
  const std::shared_ptr<const config::ModelConfig>& config_ptr() const { return parts_.config; }
  /// Its answers are those of other models; compiled() and residence() are not for it.
  bool is_ensemble() const { return parts_.config->ensemble().has_value(); }
  const plan::CompiledModel& compiled() const { return *parts_.compiled; }
  const std::shared_ptr<const plan::CompiledModel>& compiled_ptr() const { return parts_.compiled; }
  const std::shared_ptr<const SavedVersion>& saved() const { return parts_.saved; }
  const std::map<std::string, std::vector<std::string>>& all_labels() const { return *labels_; }
  const std::map<std::string, base::IoBuf>& initial_states() const { return parts_.initial_states; }
  const std::map<std::string, tensor::HostTensor>& defaults() const { return parts_.defaults; }
  /// It has run on its device, and its load has found nothing wrong. One that has not is compiled
  /// and can be described, and is tried out before its first request.
  bool tried_out() const { return tried_out_.load(); }
  void SetTriedOut() const { tried_out_.store(true); }
  Residence& residence() const { return *parts_.residence; }
  /// Null when the output has no labels. They may outlive the version.
  std::shared_ptr<const std::vector<std::string>> labels(const std::string& output) const;
  const std::optional<storage::BytesOnDisk>& on_disk() const { return parts_.on_disk; }
  double load_seconds() const { return parts_.metrics->load_seconds.load(); }

  /// Inputs and outputs as the protocol shows them: config order, dims with -1 for "any" and a
  /// leading -1 when the model batches (reshape not applied).
  const std::vector<tensor::TensorDesc>& input_descs() const { return inputs_; }
  const std::vector<tensor::TensorDesc>& output_descs() const { return outputs_; }
  /// What decides the bytes of a result: device class, precision, plan hash, batch invariance.
  std::map<std::string, std::string> properties() const;

  plan::PlanCache& plans() const { return plans_; }
  VersionStatistics& statistics() const { return parts_.history->statistics; }
  const std::shared_ptr<VersionHistory>& history() const { return parts_.history; }
  telemetry::ModelMetrics& metrics() const { return *parts_.metrics; }

 private:
  Parts parts_;
  std::shared_ptr<const std::map<std::string, std::vector<std::string>>> labels_;  ///< the parts'
  std::vector<tensor::TensorDesc> inputs_;
  std::vector<tensor::TensorDesc> outputs_;
  mutable plan::PlanCache plans_;
  mutable std::atomic<bool> tried_out_;
};

/// RAII pin of a version: while one lives the version is not unloaded. A queued request holds one.
/// It does not keep the weights on a device; that is ResidencyPin's work. Thread-safe to copy.
using ModelHandle = std::shared_ptr<const ModelVersion>;

/// RAII pin of a version's bytes: while one lives they are not evicted. Only a Batch holds one,
/// from the moment it is formed until it has completed, and a load that tries the model out. Given
/// by ResidencyManager; copies are one pin.
class ResidencyPin {
 public:
  /// The pin without the handle: for whoever knows the version to live.
  struct Weights {
    std::shared_ptr<const plan::WeightBinding> binding;
    std::shared_ptr<const void> token;  ///< counts the pin
  };
  ResidencyPin(ModelHandle version, Weights weights)
      : version_(std::move(version)), weights_(std::move(weights)) {}

  const ModelVersion* operator->() const { return version_.get(); }
  const ModelHandle& version() const { return version_; }
  const std::shared_ptr<const plan::WeightBinding>& weights_ptr() const { return weights_.binding; }

 private:
  ModelHandle version_;
  Weights weights_;  ///< goes before the version
};

}  // namespace hadron::model
