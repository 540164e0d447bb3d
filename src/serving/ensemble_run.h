#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"
#include "config/model_config.h"
#include "model/model_manager.h"
#include "serving/ensemble_plan.h"
#include "serving/inference_request.h"
#include "serving/step_limits.h"
#include "tensor/shape.h"

namespace hadron::serving {

class InferenceEngine;
class ResponseCache;

/// The shape in which a tensor of an ensemble goes to one of its models, or to the client: as it
/// is; or with a batch dimension of 1 in front, or without one, where only the one side batches.
/// INVALID_ARGUMENT, with both shapes, when it does not fit the configuration. Pure.
base::StatusOr<tensor::Shape> FitShape(const tensor::Shape& shape, const config::ModelConfig& model,
                                       const config::IoConfig& io);

/// Answers requests to ensembles: each step is a request to its model like any other, in the name
/// and on the terms of the client's request, and is sent as soon as the tensors exist that it
/// reads. Tensors between steps are handed on as they are, without a copy, on the device where both
/// sides compute there, and go when their last reader has them. A failed step ends the request,
/// once the steps that run have ended; the message names the ensemble, the step and its model. What
/// the client has sent is admitted and counted once; device time is counted for the models that
/// used it.
///
/// Thread-safe. Owned by the server; outlives the requests.
///
///     engine.ServeEnsembles([&runner](auto request, auto done) { runner.Enqueue(...); });
///     runner.Add(version);  // and from now on engine.Infer takes requests to it
class EnsembleRunner {
 public:
  struct Dependencies {
    InferenceEngine* engine = nullptr;
    model::ModelManager* models = nullptr;
    const base::Clock* clock = nullptr;
    ResponseCache* cache = nullptr;  ///< null: every request runs
  };
  explicit EnsembleRunner(Dependencies dependencies) : deps_(dependencies) {}

  /// A version begins to take requests, until nobody has a handle of it any more.
  void Add(const model::ModelHandle& version);
  void Remove(const model::ModelVersion& version);
  /// A model has come, or is about to: what answers were kept from others before is not given
  /// again.
  void ForgetAnswers() { generation_.fetch_add(1); }

  /// Takes the request, or completes it with the refusal. `done` may be called before this returns.
  void Enqueue(InferenceRequest request, OnDone done);

  /// What is known of one version.
  struct Served {
    explicit Served(const config::ModelConfig& config);
    EnsemblePlan plan;
    std::shared_ptr<StepLimits> limits;       ///< null: none
    std::atomic<std::uint64_t> device_ns{0};  ///< of its last request
  };

 private:
  std::shared_ptr<Served> Find(const model::ModelVersion& version) const;

  const Dependencies deps_;
  std::atomic<std::uint64_t> generation_{0};  ///< of the models of all steps
  mutable base::Mutex mutex_;
  std::map<const model::ModelVersion*, std::shared_ptr<Served>> served_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::serving
