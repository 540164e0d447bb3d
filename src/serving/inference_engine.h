#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "serving/inference_request.h"
#include "telemetry/metrics.h"

namespace hadron::serving {

class DeviceScheduler;

/// The façade the protocols use: admission, then the scheduler of the device that serves the
/// model. Thread-safe.
///
///     auto handle = manager.Acquire("digits", std::nullopt);
///     engine.Infer(std::move(request), [](InferenceResponse r) { ... });
class InferenceEngine {
 public:
  struct Options {
    std::uint64_t max_inflight = 0;  ///< 0 = no limit
  };
  /// The references outlive the engine.
  InferenceEngine(Options options, DeviceScheduler& scheduler, telemetry::ServerMetrics& metrics,
                  const base::Clock& clock);

  /// Takes the request; `done` is called exactly once, possibly before this returns (refusals).
  /// UNAVAILABLE with cause kDraining after StopAdmission() and kQueue above max_inflight.
  void Infer(InferenceRequest request, OnDone done);
  /// From now on new requests are refused.
  void StopAdmission() { stopped_.store(true); }
  /// Accepted and not yet answered.
  std::uint64_t inflight() const { return inflight_.load(); }

 private:
  const Options options_;
  DeviceScheduler& scheduler_;
  telemetry::ServerMetrics& metrics_;
  const base::Clock& clock_;
  std::atomic<std::uint64_t> inflight_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace hadron::serving
