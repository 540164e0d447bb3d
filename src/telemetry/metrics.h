#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/sync.h"
#include "telemetry/instruments.h"
#include "telemetry/model_metrics.h"
#include "telemetry/system_stats.h"

namespace hadron::telemetry {

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

/// One row of the table of everything that /metrics may show. docs/metrics.md is compared with it.
struct MetricDefinition {
  std::string_view name;
  MetricType type;
  std::string_view labels;  ///< "model,version"; empty for none
  std::string_view help;
};

std::span<const MetricDefinition> MetricTable();
/// The row of that name; null when there is none.
const MetricDefinition* FindMetric(std::string_view name);

struct MetricsOptions {
  bool triton_names = true;  ///< export the nv_ names
  bool cpu = true;           ///< export the machine's CPU and memory
};

/// What the whole process counts. Thread-safe.
struct ServerMetrics {
  InflightMeter inflight;
  Counter copied_in_bytes;   ///< user-space copies of tensor bytes on the way in
  Counter copied_out_bytes;  ///< and on the way out
};

/// Owns every series and writes them out. Created once by the wiring; readers and writers on any
/// thread: the request path touches only instruments, a scrape takes no lock that a request takes
/// except the short ones of the instruments.
///
///     Metrics metrics({}, clock);
///     auto series = metrics.AddModel("digits", 1);
///     series->success.Add();
///     std::string text = metrics.Serialize();
class Metrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  using Sample = std::function<double()>;

  Metrics(MetricsOptions options, const base::Clock& clock);

  /// The series of a version, which appear with this call; called again, the same ones.
  std::shared_ptr<ModelMetrics> AddModel(const std::string& model, std::int64_t version);
  /// The series of a version in service; null when there are none.
  std::shared_ptr<ModelMetrics> FindModel(const std::string& model, std::int64_t version) const;
  /// The version's series vanish; counting into them goes on to be harmless.
  void RemoveModel(const std::string& model, std::int64_t version);

  /// Loads of a model, whether it is in service or not.
  std::shared_ptr<LoadCounts> Loads(const std::string& model);

  ServerMetrics& server() { return server_; }

  /// A series whose value is asked for at every scrape: connections, memory in use, ... `name` must
  /// stand in the table as a gauge or counter; `sample` is called on the scraping thread, must not
  /// block and must stay callable as long as this object is asked to serialise.
  void AddSampled(std::string_view name, Labels labels, Sample sample);

  /// Series that come and go, or of which there are many: `source` tells at every scrape what there
  /// is. Names and the rest as above.
  using Tell = std::function<void(std::string_view name, const Labels& labels, double value)>;
  using Source = std::function<void(const Tell& tell)>;
  void AddSource(Source source);

  /// Reads the machine's CPU and memory; for a timer (--metrics-interval-ms).
  void RefreshSystem();

  /// The text exposition format, families in the order of the table.
  std::string Serialize();

 private:
  struct Model {
    std::shared_ptr<BatchSizes> batch_sizes;
    std::map<std::int64_t, std::shared_ptr<ModelMetrics>> versions;
  };
  struct SampledSeries {
    const MetricDefinition* definition;
    Labels labels;
    Sample sample;
  };
  struct System {
    std::optional<CpuTimes> cpu;
    std::optional<double> cpu_busy;
    std::optional<MemoryUse> memory;
  };
  class Collector;

  const MetricsOptions options_;
  const base::Clock& clock_;
  const double start_seconds_;
  ServerMetrics server_;
  mutable base::Mutex mutex_;
  std::map<std::string, Model> models_ HADRON_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<LoadCounts>> loads_ HADRON_GUARDED_BY(mutex_);
  std::vector<SampledSeries> sampled_ HADRON_GUARDED_BY(mutex_);
  std::vector<Source> sources_ HADRON_GUARDED_BY(mutex_);
  System system_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::telemetry
