#include "serving/inference_engine.h"

#include <algorithm>

#include "serving/device_scheduler.h"

namespace hadron::serving {
namespace {

void CountLoad(const InferenceRequest& request) {
  if (request.account == nullptr) return;
  tenancy::Usage usage;
  usage.loads = 1;
  request.account->Add(usage);
}

}  // namespace

InferenceEngine::InferenceEngine(Options options, DeviceScheduler& scheduler,
                                 telemetry::ServerMetrics& metrics, const base::Clock& clock)
    : options_(options), scheduler_(scheduler), metrics_(metrics), clock_(clock) {}

Place::~Place() {
  if (engine_ == nullptr) return;
  StopMeter();
  engine_->inflight_.fetch_sub(1);
}

void Place::StopMeter() {
  if (metered_) engine_->metrics_.inflight.Finish(engine_->clock_.Now());
  metered_ = false;
}

base::StatusOr<Place> InferenceEngine::Admit() {
  if (stopped_.load()) {
    return base::Unavailable("Server exiting", base::RefusalCause::kDraining);
  }
  const std::uint64_t running = inflight_.fetch_add(1) + 1;
  if (options_.max_inflight > 0 && running > options_.max_inflight) {
    inflight_.fetch_sub(1);
    return base::Unavailable(
        "the server answers as many requests as --max-inflight allows; try again later",
        base::RefusalCause::kQueue);
  }
  metrics_.inflight.Start(clock_.Now());
  return Place(this);
}

void InferenceEngine::OpenAccount(InferenceRequest& request) const {
  const tenancy::Tenant* const tenant = request.identity.tenant;
  if (options_.ledger == nullptr || tenant == nullptr) return;
  request.account = options_.ledger->Open(
      {tenant->name(), request.identity.user, request.model->name(), request.work_class});
}

void InferenceEngine::Infer(InferenceRequest request, OnDone done, Place place) {
  OpenAccount(request);
  if (place.caused_load_) CountLoad(request);
  if (!place.taken()) {
    auto admitted = Admit();
    if (!admitted.ok()) {
      InferenceResponse response;
      response.status = std::move(admitted).status();
      if (request.account != nullptr) request.account->CountRefusal(response.status.cause());
      return done(std::move(response));
    }
    place = std::move(*admitted);
  }
  // Who has the answer and reads the meter finds the request ended; the drain waits for `done`.
  Route(std::move(request), [this, done = std::move(done),
                             place = std::move(place)](InferenceResponse response) mutable {
    place.StopMeter();
    done(std::move(response));
    place = {};
  });
}

void InferenceEngine::InferStep(InferenceRequest request, OnDone done, bool caused_load) {
  OpenAccount(request);
  if (caused_load) CountLoad(request);
  Route(std::move(request), std::move(done));
}

void InferenceEngine::BringHome(
    std::vector<tensor::HostTensor> tensors,
    base::UniqueFunction<void(base::StatusOr<std::vector<tensor::HostTensor>>)> done) {
  scheduler_.BringHome(std::move(tensors), std::move(done));
}

void InferenceEngine::Route(InferenceRequest request, OnDone done) {
  if (!request.model->defaults().empty()) FillDefaults(request);
  if (request.model->is_ensemble()) return run_ensemble_(std::move(request), std::move(done));
  scheduler_.Enqueue(std::move(request), std::move(done));
}

void InferenceEngine::Await(model::ModelManager& models, Wanted wanted, OnModel done) {
  auto place = Admit();
  if (!place.ok()) return done(std::move(place).status(), {});
  auto causes_load = std::make_shared<std::atomic<bool>>(false);
  wanted.causes_load = causes_load;
  Fetch(models, std::move(wanted),
        [this, began = clock_.Now(), causes_load, done = std::move(done),
         place = std::move(*place)](base::StatusOr<model::ModelHandle> found) mutable {
          if (found.ok()) {
            const std::chrono::duration<double> waited = clock_.Now() - began;
            (*found)->metrics().ObserveWait(telemetry::Wait::kResidency, waited.count());
            place.caused_load_ = causes_load->load();
          }
          done(std::move(found), std::move(place));
        });
}

void InferenceEngine::Fetch(model::ModelManager& models, Wanted wanted,
                            base::UniqueFunction<void(base::StatusOr<model::ModelHandle>)> done) {
  constexpr std::uint64_t kMaxUs = 365ULL * 24 * 3600 * 1'000'000;
  base::Duration patience = options_.restore_timeout;
  if (wanted.timeout_us > 0) {
    patience = std::min<base::Duration>(
        patience, std::chrono::microseconds(std::min(wanted.timeout_us, kMaxUs)));
  }
  model::Acquirer acquirer;
  acquirer.model = std::move(wanted.model);
  acquirer.version = wanted.version;
  acquirer.rung = wanted.rung;
  acquirer.deadline = clock_.Now() + patience;
  acquirer.cancelled = std::move(wanted.cancelled);
  acquirer.causes_load = std::move(wanted.causes_load);
  acquirer.done = std::move(done);
  models.Acquire(std::move(acquirer));
}

}  // namespace hadron::serving
