#include "protocol/activity.h"

#include <algorithm>
#include <numeric>

#include "model/model_version.h"

namespace hadron::protocol {
namespace {

constexpr double kNanosecond = 1e-9;

std::vector<std::uint64_t> AllLatencies(const telemetry::ModelMetrics& metrics) {
  std::vector<std::uint64_t> sum;
  for (const auto& [key, reading] : metrics.ReadLatencies()) {
    sum.resize(std::max(sum.size(), reading.buckets.size()));
    for (std::size_t i = 0; i < reading.buckets.size(); ++i) sum[i] += reading.buckets[i];
  }
  return sum;
}

std::uint64_t BusyNs(const model::StatisticsSnapshot& statistics) {
  std::uint64_t busy = 0;
  for (const auto& [rows, batches] : statistics.by_batch_size) busy += batches.compute_infer.ns;
  return busy;
}

}  // namespace

std::optional<double> Percentile(std::span<const double> bounds,
                                 std::span<const std::uint64_t> buckets, double share) {
  const std::uint64_t all = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  if (all == 0 || bounds.empty()) return std::nullopt;
  const double wanted = share * static_cast<double>(all);
  double below = 0;
  for (std::size_t i = 0; i < std::min(bounds.size(), buckets.size()); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= wanted) {
      const double low = i == 0 ? 0 : bounds[i - 1];
      return low + (bounds[i] - low) * (wanted - below) / here;
    }
    below += here;
  }
  return bounds.back();
}

VersionActivity ActivityMeter::Compare(const Counts* before, const Counts& now, double seconds,
                                       const VersionActivity* last) const {
  VersionActivity activity;
  // A reloaded version counts from zero again.
  const bool same = before != nullptr && before->history == now.history;
  if (!same || seconds <= 0) return activity;
  activity.requests_per_s = static_cast<double>(now.requests - before->requests) / seconds;
  activity.device_share =
      static_cast<double>(now.busy_ns - before->busy_ns) * kNanosecond / seconds;
  if (now.latencies == before->latencies) {  // most of a thousand models
    if (last != nullptr) {
      activity.p50_seconds = last->p50_seconds;
      activity.p99_seconds = last->p99_seconds;
    }
    return activity;
  }
  std::vector<std::uint64_t> latencies = now.latencies;
  for (std::size_t i = 0; i < std::min(latencies.size(), before->latencies.size()); ++i) {
    latencies[i] -= std::min(latencies[i], before->latencies[i]);
  }
  const auto bounds = telemetry::ModelMetrics::LatencyBounds();
  activity.p50_seconds = Percentile(bounds, latencies, 0.50);
  activity.p99_seconds = Percentile(bounds, latencies, 0.99);
  return activity;
}

void ActivityMeter::Sample(const model::Catalogue& catalogue, base::TimePoint now,
                           double busy_seconds) {
  const double seconds = std::chrono::duration<double>(now - sampled_).count();
  const std::shared_ptr<const Activity> last = published_.Load();
  auto next = std::make_shared<Activity>();
  std::map<std::pair<std::string, std::int64_t>, Counts> counts;
  for (const auto& [name, model] : catalogue.models) {
    for (const auto& [number, version] : model.versions) {
      if (version.handle == nullptr) continue;
      const model::StatisticsSnapshot statistics = version.handle->statistics().Snapshot();
      // The catalogue is in the keys' order.
      const auto added = counts.emplace_hint(counts.end(), std::pair(name, number), Counts());
      const auto& key = added->first;
      Counts& current = added->second;
      current.history = version.handle->history().get();
      current.requests = statistics.success.count + statistics.fail.count;
      // An ensemble's times are those of its models, and stand there.
      current.busy_ns = version.handle->is_ensemble() ? 0 : BusyNs(statistics);
      current.latencies = AllLatencies(version.handle->metrics());
      const auto before = counts_.find(key);
      const auto known = last->find(key);
      next->emplace_hint(next->end(), key,
                         Compare(before == counts_.end() ? nullptr : &before->second, current,
                                 seconds, known == last->end() ? nullptr : &known->second));
    }
  }
  if (seconds > 0) {
    busy_ratio_.store(std::clamp((busy_seconds - busy_seconds_) / seconds, 0.0, 1.0));
  }
  busy_seconds_ = busy_seconds;
  counts_ = std::move(counts);
  sampled_ = now;
  published_.Store(std::move(next));
}

}  // namespace hadron::protocol
