#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "base/byte_source.h"
#include "base/executor.h"
#include "base/status.h"
#include "base/sync.h"
#include "device/device.h"
#include "model/image_file.h"
#include "model/loader.h"
#include "model/model_version.h"
#include "model/repository.h"
#include "model/residency_manager.h"
#include "model/trial_lane.h"
#include "onnx/external_data.h"
#include "plan/shared_segments.h"
#include "storage/artifact_cache.h"
#include "telemetry/metrics.h"

namespace hadron::model {

/// Turns a version directory into a ModelVersion: configuration, ONNX file, passes, packed weights,
/// first plans. It remembers which plans have passed the check of batch invariance, and which
/// packed weights are in host memory, so that equal ones are there once. Thread-safe; blocks (load
/// threads only).
class VersionLoader final : public Loader {
 public:
  struct Options {
    bool disable_auto_complete = false;
    std::int64_t default_max_batch_size = 4;
    std::int64_t max_model_nodes = 1'000'000;
    std::uint64_t max_model_bytes = std::uint64_t{16} << 30U;
    std::uint64_t max_fold_bytes = std::uint64_t{64} << 20U;
    bool allow_cpu_fallback = false;
    int compute_threads = 1;
    std::vector<std::string> disabled_passes;
    bool batch_invariant = true;  ///< refuse models whose rows depend on their batch
    /// What the server has against a configuration that is right in itself; any load thread.
    std::function<base::Status(const config::ModelConfig&)> check = {};
  };
  struct Dependencies {
    device::Device* device = nullptr;  ///< where models run
    device::Device* host = nullptr;    ///< host memory; the same object when the device is the CPU
    const backend::KernelRegistry* kernels = nullptr;
    base::Executor* lane = nullptr;  ///< runs the host tasks of uploads
    telemetry::Metrics* metrics = nullptr;
    const base::Clock* clock = nullptr;
    backend::DevicePrograms* programs = nullptr;  ///< null where kernels need no compiling
    storage::ArtifactCache* artifacts = nullptr;  ///< null where every store is local
    ResidencyManager* residency = nullptr;
    ImageFiles* images = nullptr;  ///< null: versions that leave host memory are not saved
  };

  using Source = LoadSource;

  VersionLoader(Options options, Dependencies dependencies)
      : options_(std::move(options)), deps_(dependencies) {}

  base::StatusOr<Source> Identify(const ScannedModel& model) const override;
  base::StatusOr<ModelHandle> Load(const Source& source, std::int64_t version,
                                   const std::atomic<bool>& cancelled) const override;
  std::shared_ptr<const SavedVersion> Save(const ModelVersion& version) const override;

 private:
  /// Everything of a version that follows from its files.
  struct Build {
    const Source& source;
    const std::atomic<bool>& cancelled;
    std::int64_t number = 0;
    std::string owner;
    telemetry::LoadSource from = telemetry::LoadSource::kLocal;
    ModelVersion::Parts parts{};
    std::shared_ptr<EarlyWeights> early{};  ///< of what has been packed
  };

  /// Host memory for a phase of the load. Where it is short and the old version would leave for the
  /// new one this goes on without: the weights do not fit then, either, and that is said when all
  /// else about the new one is known to be right.
  base::StatusOr<device::Reservation> Book(const Build& build, std::uint64_t bytes) const;
  /// Brings it onto its device and tries it out there.
  base::Status TryOut(const ModelHandle& version, const Build& build) const;
  base::Status TryOutOnce(const ModelHandle& version, const Build& build) const;
  /// Load without the counting.
  base::StatusOr<ModelHandle> Make(Build& build) const;
  /// Nothing of an ensemble is read but its configuration.
  base::StatusOr<ModelHandle> MakeEnsemble(Build& build) const;

  /// The files may still be on their way; when this is OK, they have come and are right.
  base::Status BuildFrom(std::shared_ptr<const base::ByteSource> file,
                         const onnx::ExternalData& external, Build& build) const;
  /// Everything but its weights was kept.
  base::Status BuildFromSaved(const SavedVersion& saved, Build& build) const;
  base::Status BuildFromStore(const std::string& file, Build& build) const;
  /// Files that the configuration has checksums of. `tree`: the version's own, where they are
  /// fetched.
  base::Status CheckFiles(const Build& build, const storage::FetchedTree* tree) const;
  base::StatusOr<std::shared_ptr<const plan::CompiledModel>> Compile(
      graph::Graph graph, const config::ModelConfig& config, Build& build) const;
  base::Status WarmPlans(const ResidencyPin& version, const std::string& owner) const;
  /// Lets the kernels that this thread makes be tuned until a request comes; null: no tuning.
  std::unique_ptr<backend::Tuning> Tune() const;
  /// How many programs the device has got up to now.
  std::uint64_t Programs() const;
  base::StatusOr<TrialLane> TrialLaneFor(const std::string& owner) const;
  /// The configuration's warm-up, if this load is one that has to run it.
  base::Status RunSamples(const ResidencyPin& version, const Build& build) const;
  /// Runs the plans on zeros.
  base::Status Rehearse(const ResidencyPin& version,
                        std::span<const std::shared_ptr<const plan::ExecutionPlan>> plans,
                        const std::string& owner) const;
  /// Refuses a model whose rows get other bytes in a batch than alone; equal plans are asked once.
  base::Status CheckRows(const ResidencyPin& version, const std::string& owner) const;

  const Options options_;
  const Dependencies deps_;
  mutable plan::SharedSegments segments_;
  mutable base::Mutex second_try_;  ///< held while one load tries again
  mutable base::Mutex mutex_;
  mutable std::set<std::string> invariant_ HADRON_GUARDED_BY(mutex_);  ///< keys of plans
};

}  // namespace hadron::model
