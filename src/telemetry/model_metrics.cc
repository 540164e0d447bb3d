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

template <typename Key>
Histogram& ModelMetrics::Of(Histograms<Key>& histograms, const Key& key) {
  std::unique_ptr<Histogram>& slot = histograms[key];
  if (slot == nullptr) slot = std::make_unique<Histogram>(kLatencyBounds);
  return *slot;
}

template <typename Key>
std::map<Key, Histogram::Reading> ModelMetrics::ReadAll(const Histograms<Key>& histograms) {
  std::map<Key, Histogram::Reading> readings;
  for (const auto& [key, histogram] : histograms) readings.emplace(key, histogram->Read());
  return readings;
}

void ModelMetrics::ObserveRequest(Protocol protocol, base::StatusCode code, double seconds) {
  Histogram* histogram = nullptr;
  {
    base::MutexLock lock(mutex_);
    histogram = &Of(latencies_, {protocol, code});
  }
  histogram->Observe(seconds);
}

void ModelMetrics::ObserveRestore(LoadSource source, double seconds) {
  base::MutexLock lock(mutex_);
  Of(restores_, source).Observe(seconds);
}

std::map<LoadSource, Histogram::Reading> ModelMetrics::ReadRestores() const {
  base::MutexLock lock(mutex_);
  return ReadAll(restores_);
}

void ModelMetrics::ObserveWait(Wait what, double seconds) {
  Histogram* histogram = nullptr;
  {
    base::MutexLock lock(mutex_);
    histogram = &Of(waits_, what);
  }
  histogram->Observe(seconds);
}

std::map<Wait, Histogram::Reading> ModelMetrics::ReadWaits() const {
  base::MutexLock lock(mutex_);
  return ReadAll(waits_);
}

std::map<ModelMetrics::LatencyKey, Histogram::Reading> ModelMetrics::ReadLatencies() const {
  base::MutexLock lock(mutex_);
  return ReadAll(latencies_);
}

void ModelMetrics::SetLoadTime(LoadSource source, double seconds) {
  load_times_[static_cast<std::size_t>(source)].store(seconds, std::memory_order_relaxed);
}

std::optional<double> ModelMetrics::load_time(LoadSource source) const {
  const double seconds =
      load_times_[static_cast<std::size_t>(source)].load(std::memory_order_relaxed);
  return seconds > 0 ? std::optional(seconds) : std::nullopt;
}

void ModelMetrics::SetPlace(WeightPlace place) {
  base::MutexLock lock(mutex_);
  place_ = std::move(place);
}

WeightPlace ModelMetrics::place() const {
  base::MutexLock lock(mutex_);
  return place_;
}

bool LoadCounts::Remember(std::int64_t version) {
  base::MutexLock lock(mutex_);
  return !versions_.insert(version).second;
}

}  // namespace hadron::telemetry
