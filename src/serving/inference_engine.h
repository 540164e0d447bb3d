#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_function.h"
#include "model/model_manager.h"
#include "serving/inference_request.h"
#include "telemetry/metrics.h"

namespace hadron::serving {

class DeviceScheduler;
class InferenceEngine;

/// A place among the requests in flight; gives it back when it dies, on any thread. Move-only; an
/// empty one holds nothing. Outlived by its engine.
class Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept
      : engine_(std::exchange(other.engine_, nullptr)),
        metered_(other.metered_),
        caused_load_(other.caused_load_) {}
  Place& operator=(Place&& other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(metered_, other.metered_);
    std::swap(caused_load_, other.caused_load_);
    return *this;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();

  bool taken() const { return engine_ != nullptr; }

 private:
  friend class InferenceEngine;
  explicit Place(InferenceEngine* engine) : engine_(engine) {}
  void StopMeter();

  InferenceEngine* engine_ = nullptr;
  bool metered_ = true;
  bool caused_load_ = false;  ///< while it waited in Await
};

/// The façade the protocols use: admission, then the scheduler of the device that serves the
/// model. Thread-safe.
///
///     auto handle = manager.Find("digits", std::nullopt);
///     engine.Infer(std::move(request), [](InferenceResponse r) { ... });
class InferenceEngine {
 public:
  /// The model of a request that has to wait for it.
  struct Wanted {
    std::string model;
    std::optional<std::int64_t> version;
    std::uint64_t timeout_us = 0;  ///< the request's own; 0 = none
    std::shared_ptr<const std::atomic<bool>> cancelled;
    model::Rung rung = model::Rung::kResident;  ///< how far it is needed
    /// Set before the answer when the model is loaded because of this; Await has one of its own.
    std::shared_ptr<std::atomic<bool>> causes_load{};
  };
  using OnModel = base::UniqueFunction<void(base::StatusOr<model::ModelHandle>, Place)>;

  struct Options {
    std::uint64_t max_inflight = 0;  ///< 0 = no limit
    /// How long a request waits for its model to be loaded, at most.
    base::Duration restore_timeout = std::chrono::seconds(30);
    tenancy::Ledger* ledger = nullptr;  ///< null: nobody keeps accounts
  };
  /// The references outlive the engine.
  InferenceEngine(Options options, DeviceScheduler& scheduler, telemetry::ServerMetrics& metrics,
                  const base::Clock& clock);

  /// Takes the request; `done` is called exactly once, possibly before this returns (refusals).
  /// UNAVAILABLE with cause kDraining after StopAdmission(), kQueue above max_inflight, kDeadline
  /// when the answer would come too late; RESOURCE_EXHAUSTED with cause kQuota beyond a limit of
  /// the tenant's. `place`: one that the request has already, from Await.
  void Infer(InferenceRequest request, OnDone done, Place place = {});
  /// The same for a step of an ensemble: a part of a request that has been admitted. `caused_load`:
  /// its model was loaded for it, as Fetch has said.
  void InferStep(InferenceRequest request, OnDone done, bool caused_load);
  /// Copies to the host what of these tensors steps have left on the device. `done` is called
  /// exactly once, possibly before this returns.
  void BringHome(std::vector<tensor::HostTensor> tensors,
                 base::UniqueFunction<void(base::StatusOr<std::vector<tensor::HostTensor>>)> done);
  /// Who answers requests to ensembles; before the first one comes.
  using Runner = std::function<void(InferenceRequest, OnDone)>;
  void ServeEnsembles(Runner runner) { run_ensemble_ = std::move(runner); }
  /// Has the model loaded for a request, which counts as in flight from now on and takes its place
  /// along to Infer. It waits no longer than its own timeout, --model-restore-timeout-ms, or its
  /// client. `done` is called exactly once, possibly before this returns, and must be short.
  void Await(model::ModelManager& models, Wanted wanted, OnModel done);
  /// The same for calls that are no inference and take no place.
  void Fetch(model::ModelManager& models, Wanted wanted,
             base::UniqueFunction<void(base::StatusOr<model::ModelHandle>)> done);
  /// From now on new requests are refused.
  void StopAdmission() { stopped_.store(true); }
  /// Accepted and not yet answered.
  std::uint64_t inflight() const { return inflight_.load(); }

 private:
  friend class Place;
  base::StatusOr<Place> Admit();
  void OpenAccount(InferenceRequest& request) const;
  void Route(InferenceRequest request, OnDone done);

  const Options options_;
  DeviceScheduler& scheduler_;
  Runner run_ensemble_;
  telemetry::ServerMetrics& metrics_;
  const base::Clock& clock_;
  std::atomic<std::uint64_t> inflight_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace hadron::serving
