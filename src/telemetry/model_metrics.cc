#include "telemetry/model_metrics.h"

#include <algorithm>

namespace hadron::telemetry {
namespace {

constexpr double kBatchBounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
constexpr double kLatencyBounds[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                                     0.5,   1,     2,     5,    10,   20,   30};

}  // namespace

BatchSizes::BatchSizes() : histogram(kBatchBounds) {}

ModelMetrics::ModelMetrics(std::shared_ptr<BatchSizes> batch_sizes)
    : batch_sizes_(std::move(batch_sizes)) {}

std::span<const double> ModelMetrics::LatencyBounds() { return kLatencyBounds; }

void ModelMetrics::SetState(std::string_view state) {
  const auto at = std::find(kModelStates.begin(), kModelStates.end(), state);
  const auto index = at == kModelStates.end() ? 0 : at - kModelStates.begin();
  state_.store(static_cast<std::size_t>(index), std::memory_order_relaxed);
}

void ModelMetrics::ObserveBatch(std::size_t rows) {
  batch_sizes_->histogram.Observe(static_cast<double>(rows));
}

void ModelMetrics::ObserveRequest(Protocol protocol, base::StatusCode code, double seconds) {
  Histogram* histogram = nullptr;
  {
    base::MutexLock lock(mutex_);
    std::unique_ptr<Histogram>& slot = latencies_[{protocol, code}];
    if (slot == nullptr) slot = std::make_unique<Histogram>(kLatencyBounds);
    histogram = slot.get();
  }
  histogram->Observe(seconds);
}

void ModelMetrics::ObserveRestore(LoadSource source, double seconds) {
  Histogram* histogram = nullptr;
  {
    base::MutexLock lock(mutex_);
    std::unique_ptr<Histogram>& slot = restores_[source];
    if (slot == nullptr) slot = std::make_unique<Histogram>(kLatencyBounds);
    histogram = slot.get();
  }
  histogram->Observe(seconds);
}

std::map<LoadSource, Histogram::Reading> ModelMetrics::ReadRestores() const {
  base::MutexLock lock(mutex_);
  std::map<LoadSource, Histogram::Reading> readings;
  for (const auto& [source, histogram] : restores_) readings.emplace(source, histogram->Read());
  return readings;
}

void ModelMetrics::SetPlace(WeightPlace place) {
  base::MutexLock lock(mutex_);
  place_ = std::move(place);
}

WeightPlace ModelMetrics::place() const {
  base::MutexLock lock(mutex_);
  return place_;
}

std::map<ModelMetrics::LatencyKey, Histogram::Reading> ModelMetrics::ReadLatencies() const {
  base::MutexLock lock(mutex_);
  std::map<LatencyKey, Histogram::Reading> readings;
  for (const auto& [key, histogram] : latencies_) readings.emplace(key, histogram->Read());
  return readings;
}

}  // namespace hadron::telemetry
