#include "model/statistics.h"

namespace hadron::model {

void VersionStatistics::RecordBatch(const BatchTimes& times) {
  base::MutexLock lock(mutex_);
  ++totals_.execution_count;
  StatisticsSnapshot::BatchRow& row = totals_.by_batch_size[times.rows];
  row.compute_input.Add(times.input_ns);
  row.compute_infer.Add(times.infer_ns);
  row.compute_output.Add(times.output_ns);
}

void VersionStatistics::RecordSuccess(std::uint64_t rows, std::uint64_t total_ns,
                                      std::uint64_t queue_ns, const BatchTimes& batch,
                                      std::int64_t now_ms) {
  base::MutexLock lock(mutex_);
  totals_.last_inference_ms = now_ms;
  totals_.inference_count += rows;
  totals_.success.Add(total_ns);
  totals_.queue.Add(queue_ns);
  totals_.compute_input.Add(batch.input_ns);
  totals_.compute_infer.Add(batch.infer_ns);
  totals_.compute_output.Add(batch.output_ns);
}

void VersionStatistics::RecordCacheHit(std::uint64_t total_ns, std::uint64_t lookup_ns,
                                       std::int64_t now_ms) {
  base::MutexLock lock(mutex_);
  totals_.last_inference_ms = now_ms;
  totals_.success.Add(total_ns);
  totals_.queue.Add(0);  // its count is that of the successes
  totals_.cache_hit.Add(lookup_ns);
}

void VersionStatistics::RecordCacheMiss(std::uint64_t ns) {
  base::MutexLock lock(mutex_);
  totals_.cache_miss.Add(ns);
}

void VersionStatistics::RecordFailure(std::uint64_t total_ns) {
  base::MutexLock lock(mutex_);
  totals_.fail.Add(total_ns);
}

StatisticsSnapshot VersionStatistics::Snapshot() const {
  base::MutexLock lock(mutex_);
  return totals_;
}

}  // namespace hadron::model
