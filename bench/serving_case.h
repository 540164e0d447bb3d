#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/engine_rig.h"
#include "bench/front_repository.h"
#include "bench/rounds.h"

namespace hadron::bench {

/// Cases that measure what lies between protocol and device, in process (InferenceEngine::Infer).
struct ServingOptions {
  std::string profile = "quick";  ///< quick, full, or smoke
  std::string repository;         ///< digits and calo_gan
  std::string topologies;         ///< resnet50 and gan_conv3d, made by the tests' fixtures
  std::string server;             ///< the program `hadron`; quota starts it
  std::uint64_t seed = 1;
  int threads = 2;

  bool smoke() const { return profile == "smoke"; }
  int rounds() const { return profile == "full" ? 9 : smoke() ? 1 : 3; }
  /// A span of measuring, shorter for smoke.
  double seconds(double wanted) const { return smoke() ? wanted / 10 : wanted; }
};

/// What queue, hand-overs and batcher add to an unloaded executor.
base::StatusOr<CaseResult> RunQueueCase(const ServingOptions& options);
/// Goodput of single rows over that of the best batches that a client could make.
base::StatusOr<CaseResult> RunBatchCase(const ServingOptions& options);
/// Rows whose bytes depend on who they were batched with: a count.
base::StatusOr<CaseResult> RunExactCase(const ServingOptions& options);
/// Device time of tenants by their weights.
base::StatusOr<CaseResult> RunShareCase(const ServingOptions& options);
/// What another tenant's closed loop of long runs does to a person's answers.
base::StatusOr<CaseResult> RunNeighbourCase(const ServingOptions& options);
/// The same beside batch work, and what is left for that.
base::StatusOr<CaseResult> RunMixedCase(const ServingOptions& options);
/// Admitted over allowed, for each kind of limit, and how long a refusal takes.
base::StatusOr<CaseResult> RunQuotaCase(const ServingOptions& options);
/// Time on the accounts over the time the device was busy, and what keeping them costs.
base::StatusOr<CaseResult> RunAccountCase(const ServingOptions& options);
/// Promises kept, of requests with deadlines that were accepted.
base::StatusOr<CaseResult> RunBurstCase(const ServingOptions& options);

/// Models that a case makes for itself.
class MadeModels {
 public:
  /// Sets of one model each: "mlp-8", ...
  static base::StatusOr<MadeModels> Make(const std::vector<std::string>& sets,
                                         const ServingOptions& options);
  const std::vector<RigModel>& models() const { return models_; }

 private:
  explicit MadeModels(TempDir directory) : directory_(std::move(directory)) {}

  TempDir directory_;
  std::vector<RigModel> models_;
};

/// digits and calo_gan of the repository.
RigModel DigitsModel(const ServingOptions& options);
RigModel GanModel(const ServingOptions& options);
/// A model of the tests' fixtures. NOT_FOUND, saying how to make them.
base::StatusOr<RigModel> TopologyModel(const ServingOptions& options, const std::string& name);

/// Median seconds of a request of so many rows with nothing else going on.
double AloneSeconds(EngineRig& rig, std::size_t model, std::int64_t rows, int requests);

}  // namespace hadron::bench
