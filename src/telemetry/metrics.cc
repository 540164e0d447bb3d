#include "telemetry/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <array>

#include <algorithm>
#include <limits>
#include <sstream>

#include "base/check.h"
#include "base/log.h"

namespace hadron::telemetry {
namespace {

/// An integral number of nanoseconds as whole microseconds, as the reference truncates it.
double Micros(const Counter& ns) { return static_cast<double>(ns.value() / 1000); }  // NOLINT

double Number(const Counter& counter) { return static_cast<double>(counter.value()); }

prometheus::MetricType TypeOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

prometheus::ClientMetric::Histogram Cumulative(std::span<const double> bounds,
                                               const Histogram::Reading& reading) {
  prometheus::ClientMetric::Histogram out;
  out.sample_count = reading.count;
  out.sample_sum = reading.sum;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < reading.buckets.size(); ++i) {
    below += reading.buckets[i];
    const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    out.bucket.push_back({below, bound});
  }
  return out;
}

}  // namespace

/// Gathers one scrape: a family for each row of the table, filled by name.
class Metrics::Collector {
 public:
  explicit Collector(bool triton_names) : triton_names_(triton_names) {
    for (const MetricDefinition& row : MetricTable()) {
      families_.push_back({std::string(row.name), std::string(row.help), TypeOf(row.type), {}});
    }
  }

  void Add(std::string_view name, const Labels& labels, double value) {
    prometheus::MetricFamily& family = Family(name);
    prometheus::ClientMetric& metric = NewSeries(family, labels);
    if (family.type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
  }

  void Add(std::string_view name, const Labels& labels, std::span<const double> bounds,
           const Histogram::Reading& reading) {
    NewSeries(Family(name), labels).histogram = Cumulative(bounds, reading);
  }

  std::string Text() {
    std::erase_if(families_, [this](const prometheus::MetricFamily& family) {
      return family.metric.empty() || (!triton_names_ && family.name.starts_with("nv_"));
    });
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return out.str();
  }

 private:
  prometheus::MetricFamily& Family(std::string_view name) {
    const MetricDefinition* row = FindMetric(name);
    HADRON_CHECK(row != nullptr);
    return families_[static_cast<std::size_t>(row - MetricTable().data())];
  }

  static prometheus::ClientMetric& NewSeries(prometheus::MetricFamily& family,
                                             const Labels& labels) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [name, value] : labels) metric.label.push_back({name, value});
    return metric;
  }

  const bool triton_names_;
  std::vector<prometheus::MetricFamily> families_;
};

namespace {

using Labels = Metrics::Labels;

Labels With(const Labels& labels, std::string_view name, std::string_view value) {
  Labels more = labels;
  more.emplace_back(name, value);
  return more;
}

template <typename Collector>
void CollectCounters(const ModelMetrics& m, const Labels& labels, Collector& out) {
  out.Add("nv_inference_request_success", labels, Number(m.success));
  for (std::size_t i = 0; i < kFailureReasons.size(); ++i) {
    out.Add("nv_inference_request_failure", With(labels, "reason", kFailureReasons[i]),
            static_cast<double>(m.failures(static_cast<FailureReason>(i))));
  }
  out.Add("nv_inference_count", labels, Number(m.inference_count));
  out.Add("nv_inference_exec_count", labels, Number(m.exec_count));
  out.Add("nv_inference_request_duration_us", labels, Micros(m.request_ns));
  out.Add("nv_inference_queue_duration_us", labels, Micros(m.queue_ns));
  out.Add("nv_inference_compute_input_duration_us", labels, Micros(m.compute_input_ns));
  out.Add("nv_inference_compute_infer_duration_us", labels, Micros(m.compute_infer_ns));
  out.Add("nv_inference_compute_output_duration_us", labels, Micros(m.compute_output_ns));
  out.Add("nv_inference_pending_request_count", labels, static_cast<double>(m.pending.value()));
  out.Add("nv_model_load_duration_secs", labels, m.load_seconds.load(std::memory_order_relaxed));
}

/// Only of versions that could have any: zeros of the others would say that nothing was found.
template <typename Collector>
void CollectResponseCache(const ModelMetrics& m, const Labels& labels, Collector& out) {
  if (!m.caches_responses.load(std::memory_order_relaxed)) return;
  out.Add("nv_cache_num_hits_per_model", labels, Number(m.cache_hits));
  out.Add("nv_cache_num_misses_per_model", labels, Number(m.cache_misses));
  out.Add("nv_cache_hit_duration_per_model", labels, Micros(m.cache_hit_ns));
  out.Add("nv_cache_miss_duration_per_model", labels, Micros(m.cache_miss_ns));
}

template <typename Collector>
void CollectVersion(const ModelMetrics& m, const Labels& labels, Collector& out) {
  CollectCounters(m, labels, out);
  CollectResponseCache(m, labels, out);
  for (const std::string_view state : kModelStates) {
    out.Add("hadron_model_state", With(labels, "state", state), state == m.state() ? 1 : 0);
  }
  for (const auto& [key, reading] : m.ReadLatencies()) {
    const Labels protocol =
        With(labels, "protocol", kProtocols[static_cast<std::size_t>(key.first)]);
    out.Add("hadron_request_duration_seconds",
            With(protocol, "code", base::StatusCodeName(key.second)), ModelMetrics::LatencyBounds(),
            reading);
  }
}

template <typename Collector>
void CollectPlace(const WeightPlace& place, const Labels& labels, Collector& out) {
  if (place.device.empty()) return;
  const Labels device = With(labels, "device", place.device);
  out.Add("hadron_model_resident", device, place.resident ? 1 : 0);
  out.Add("hadron_model_memory_bytes", With(device, "kind", "weights"),
          static_cast<double>(place.weights));
  // Host memory is of no device.
  out.Add("hadron_model_memory_bytes", With(With(labels, "device", ""), "kind", "host_copy"),
          static_cast<double>(place.host_copy));
}

/// What is told of a model's versions together.
struct Moves {
  std::array<std::uint64_t, kEvictionCauses.size()> evictions{};
  std::map<LoadSource, Histogram::Reading> restores;
  std::map<Wait, Histogram::Reading> waits;

  void Add(const ModelMetrics& version) {
    for (std::size_t i = 0; i < evictions.size(); ++i) {
      evictions[i] += version.evictions(static_cast<EvictionCause>(i));
    }
    for (const auto& [source, reading] : version.ReadRestores()) Sum(reading, restores[source]);
    for (const auto& [what, reading] : version.ReadWaits()) Sum(reading, waits[what]);
  }

  static void Sum(const Histogram::Reading& reading, Histogram::Reading& sum) {
    sum.buckets.resize(reading.buckets.size());
    for (std::size_t i = 0; i < reading.buckets.size(); ++i) sum.buckets[i] += reading.buckets[i];
    sum.count += reading.count;
    sum.sum += reading.sum;
  }
};

/// Nothing for models that have never moved: a thousand idle ones must not cost histograms.
template <typename Collector>
void CollectMoves(const Moves& moves, const Labels& labels, Collector& out) {
  constexpr std::array<std::string_view, 2> kWaits = {"hadron_queue_duration_seconds",
                                                      "hadron_residency_wait_seconds"};
  for (const auto& [what, reading] : moves.waits) {
    out.Add(kWaits[static_cast<std::size_t>(what)], labels, ModelMetrics::LatencyBounds(), reading);
  }
  const bool left = std::ranges::any_of(moves.evictions, [](std::uint64_t n) { return n > 0; });
  if (moves.restores.empty() && !left) return;
  for (std::size_t i = 0; i < kEvictionCauses.size(); ++i) {
    out.Add("hadron_model_evictions_total", With(labels, "cause", kEvictionCauses[i]),
            static_cast<double>(moves.evictions[i]));
  }
  for (const auto& [source, reading] : moves.restores) {
    if (source == LoadSource::kHost) {
      out.Add("hadron_model_loads_total", With(labels, "source", "host"),
              static_cast<double>(reading.count));
    }
    const Labels from = With(labels, "source", kLoadSources[static_cast<std::size_t>(source)]);
    out.Add("hadron_model_restores_total", from, static_cast<double>(reading.count));
    out.Add("hadron_model_restore_duration_seconds", from, ModelMetrics::LatencyBounds(), reading);
  }
}

template <typename Collector>
void CollectLoads(const LoadCounts& loads, const Labels& labels, Collector& out) {
  for (std::size_t i = 0; i < kLoadSources.size(); ++i) {
    const std::uint64_t count = loads.loads(static_cast<LoadSource>(i));
    if (count == 0) continue;
    out.Add("hadron_model_loads_total", With(labels, "source", kLoadSources[i]),
            static_cast<double>(count));
  }
  std::array<std::uint64_t, kLoadFailures.size()> failures{};
  for (std::size_t i = 0; i < failures.size(); ++i) {
    failures[i] = loads.failures(static_cast<LoadFailure>(i));
  }
  if (std::ranges::count(failures, 0U) == std::ssize(failures)) return;
  for (std::size_t i = 0; i < failures.size(); ++i) {
    out.Add("hadron_load_failures_total", With(labels, "cause", kLoadFailures[i]),
            static_cast<double>(failures[i]));
  }
}

template <typename Collector>
void CollectServer(ServerMetrics& server, base::TimePoint now, Collector& out) {
  const InflightMeter::Reading inflight = server.inflight.Read(now);
  out.Add("hadron_inflight_requests", {}, static_cast<double>(inflight.inflight));
  out.Add("hadron_inflight_request_seconds_total", {}, inflight.seconds);
  out.Add("hadron_requests_started_total", {}, static_cast<double>(inflight.started));
  out.Add("hadron_copied_bytes_total", {{"direction", "in"}}, Number(server.copied_in_bytes));
  out.Add("hadron_copied_bytes_total", {{"direction", "out"}}, Number(server.copied_out_bytes));
  out.Add("hadron_log_dropped_total", {}, static_cast<double>(base::DroppedLogLines()));
}

}  // namespace

Metrics::Metrics(MetricsOptions options, const base::Clock& clock)
    : options_(options), clock_(clock), start_seconds_(ProcessStartSeconds()) {
  server_.inflight.Read(clock.Now());
  if (options_.cpu) RefreshSystem();
}

std::shared_ptr<ModelMetrics> Metrics::AddModel(const std::string& model, std::int64_t version) {
  base::MutexLock lock(mutex_);
  Model& entry = models_[model];
  if (entry.batch_sizes == nullptr) entry.batch_sizes = std::make_shared<BatchSizes>();
  std::shared_ptr<ModelMetrics>& series = entry.versions[version];
  if (series == nullptr) series = std::make_shared<ModelMetrics>(entry.batch_sizes);
  return series;
}

std::shared_ptr<ModelMetrics> Metrics::FindModel(const std::string& model,
                                                 std::int64_t version) const {
  base::MutexLock lock(mutex_);
  const auto at = models_.find(model);
  if (at == models_.end()) return nullptr;
  const auto series = at->second.versions.find(version);
  return series == at->second.versions.end() ? nullptr : series->second;
}

void Metrics::RemoveModel(const std::string& model, std::int64_t version) {
  base::MutexLock lock(mutex_);
  const auto at = models_.find(model);
  if (at == models_.end()) return;
  at->second.versions.erase(version);
  if (at->second.versions.empty()) models_.erase(at);
}

std::shared_ptr<LoadCounts> Metrics::Loads(const std::string& model) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<LoadCounts>& counts = loads_[model];
  if (counts == nullptr) counts = std::make_shared<LoadCounts>();
  return counts;
}

void Metrics::AddSampled(std::string_view name, Labels labels, Sample sample) {
  const MetricDefinition* definition = FindMetric(name);
  HADRON_CHECK(definition != nullptr && definition->type != MetricType::kHistogram);
  base::MutexLock lock(mutex_);
  sampled_.push_back({definition, std::move(labels), std::move(sample)});
}

void Metrics::AddSource(Source source) {
  base::MutexLock lock(mutex_);
  sources_.push_back(std::move(source));
}

void Metrics::RefreshSystem() {
  const std::optional<CpuTimes> now = ReadCpuTimes();
  const std::optional<MemoryUse> memory = ReadMemoryUse();
  base::MutexLock lock(mutex_);
  if (now && system_.cpu) system_.cpu_busy = BusyShare(*system_.cpu, *now);
  system_.cpu = now;
  system_.memory = memory;
}

std::string Metrics::Serialize() {
  Collector out(options_.triton_names);
  std::map<std::string, Model> models;
  std::vector<SampledSeries> sampled;
  std::vector<Source> sources;
  std::map<std::string, std::shared_ptr<LoadCounts>> loads;
  System system;
  {
    base::MutexLock lock(mutex_);
    models = models_;
    loads = loads_;
    sampled = sampled_;
    sources = sources_;
    system = system_;
  }
  for (const auto& [name, model] : models) {
    Moves moves;
    for (const auto& [version, series] : model.versions) {
      const Labels labels = {{"model", name}, {"version", std::to_string(version)}};
      CollectVersion(*series, labels, out);
      CollectPlace(series->place(), labels, out);
      moves.Add(*series);
    }
    CollectMoves(moves, {{"model", name}}, out);
    const Histogram& batches = model.batch_sizes->histogram;
    const Histogram::Reading reading = batches.Read();
    if (reading.count > 0)
      out.Add("hadron_batch_size", {{"model", name}}, batches.bounds(), reading);
  }
  for (const auto& [name, counts] : loads) CollectLoads(*counts, {{"model", name}}, out);
  CollectServer(server_, clock_.Now(), out);
  out.Add("process_start_time_seconds", {}, start_seconds_);
  if (options_.cpu && system.cpu_busy) out.Add("nv_cpu_utilization", {}, *system.cpu_busy);
  if (options_.cpu && system.memory) {
    out.Add("nv_cpu_memory_total_bytes", {}, static_cast<double>(system.memory->total_bytes));
    out.Add("nv_cpu_memory_used_bytes", {}, static_cast<double>(system.memory->used_bytes));
  }
  for (const SampledSeries& series : sampled) {
    out.Add(series.definition->name, series.labels, series.sample());
  }
  for (const Source& source : sources) {
    source([&out](std::string_view name, const Labels& labels, double value) {
      out.Add(name, labels, value);
    });
  }
  return out.Text();
}

}  // namespace hadron::telemetry
