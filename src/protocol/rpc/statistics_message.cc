#include "protocol/rpc/statistics_message.h"

#include <string>

namespace hadron::protocol::rpc {
namespace {

void Fill(const model::DurationTotal& total, ::inference::StatisticDuration& out) {
  out.set_count(total.count);
  out.set_ns(total.ns);
}

void FillBatch(std::uint64_t size, const model::StatisticsSnapshot::BatchRow& row,
               ::inference::InferBatchStatistics& out) {
  out.set_batch_size(size);
  Fill(row.compute_input, *out.mutable_compute_input());
  Fill(row.compute_infer, *out.mutable_compute_infer());
  Fill(row.compute_output, *out.mutable_compute_output());
}

}  // namespace

void FillStatistics(const StatisticsTarget& version, ::inference::ModelStatistics& out) {
  const model::StatisticsSnapshot totals = version.Read();
  out.set_name(version.name);
  out.set_version(std::to_string(version.version));
  out.set_last_inference(static_cast<std::uint64_t>(totals.last_inference_ms));
  out.set_inference_count(totals.inference_count);
  out.set_execution_count(totals.execution_count);
  ::inference::InferStatistics& stats = *out.mutable_inference_stats();
  Fill(totals.success, *stats.mutable_success());
  Fill(totals.fail, *stats.mutable_fail());
  Fill(totals.queue, *stats.mutable_queue());
  Fill(totals.compute_input, *stats.mutable_compute_input());
  Fill(totals.compute_infer, *stats.mutable_compute_infer());
  Fill(totals.compute_output, *stats.mutable_compute_output());
  Fill(totals.cache_hit, *stats.mutable_cache_hit());
  Fill(totals.cache_miss, *stats.mutable_cache_miss());
  for (const auto& [size, row] : totals.by_batch_size) FillBatch(size, row, *out.add_batch_stats());
  if (version.handle == nullptr || version.handle->is_ensemble()) return;
  ::inference::MemoryUsage& memory = *out.add_memory_usage();
  memory.set_type("CPU");
  memory.set_id(0);
  memory.set_byte_size(version.handle->compiled().weights()->total_bytes());
}

}  // namespace hadron::protocol::rpc
