#include "serving/inference_engine.h"

#include "serving/device_scheduler.h"

namespace hadron::serving {

InferenceEngine::InferenceEngine(Options options, DeviceScheduler& scheduler,
                                 telemetry::ServerMetrics& metrics, const base::Clock& clock)
    : options_(options), scheduler_(scheduler), metrics_(metrics), clock_(clock) {}

void InferenceEngine::Infer(InferenceRequest request, OnDone done) {
  const auto refuse = [&](base::Status status) {
    InferenceResponse response;
    response.status = std::move(status);
    done(std::move(response));
  };
  if (stopped_.load()) {
    return refuse(base::Unavailable("Server exiting", base::RefusalCause::kDraining));
  }
  const std::uint64_t running = inflight_.fetch_add(1) + 1;
  if (options_.max_inflight > 0 && running > options_.max_inflight) {
    inflight_.fetch_sub(1);
    return refuse(base::Unavailable(
        "the server answers as many requests as --max-inflight allows; try again later",
        base::RefusalCause::kQueue));
  }
  metrics_.inflight.Start(clock_.Now());
  scheduler_.Enqueue(std::move(request),
                     [this, done = std::move(done)](InferenceResponse response) mutable {
                       metrics_.inflight.Finish(clock_.Now());
                       done(std::move(response));
                       inflight_.fetch_sub(1);
                     });
}

}  // namespace hadron::serving
