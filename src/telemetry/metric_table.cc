#include <algorithm>

#include "telemetry/metrics.h"

namespace hadron::telemetry {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;

constexpr MetricDefinition kTable[] = {
    {"nv_inference_request_success", kCounter, "model,version",
     "Successful inference requests, a batch counts as one"},
    {"nv_inference_request_failure", kCounter, "model,version,reason",
     "Failed inference requests by reason"},
    {"nv_inference_count", kCounter, "model,version", "Batch items executed, cache hits excluded"},
    {"nv_inference_exec_count", kCounter, "model,version", "Batches executed"},
    {"nv_inference_request_duration_us", kCounter, "model,version",
     "Sum of the time of requests from acceptance to completion"},
    {"nv_inference_queue_duration_us", kCounter, "model,version",
     "Sum of the time requests waited in the queue"},
    {"nv_inference_compute_input_duration_us", kCounter, "model,version",
     "Sum of the time of input preparation"},
    {"nv_inference_compute_infer_duration_us", kCounter, "model,version",
     "Sum of the time of execution"},
    {"nv_inference_compute_output_duration_us", kCounter, "model,version",
     "Sum of the time of output retrieval"},
    {"nv_inference_pending_request_count", kGauge, "model,version",
     "Requests accepted and not yet executing"},
    {"nv_cache_num_hits_per_model", kCounter, "model,version",
     "Requests answered from the response cache; only models that use it"},
    {"nv_cache_num_misses_per_model", kCounter, "model,version",
     "Requests that were not in the response cache and succeeded"},
    {"nv_cache_hit_duration_per_model", kCounter, "model,version",
     "Sum of the time of finding answers in the response cache, microseconds"},
    {"nv_cache_miss_duration_per_model", kCounter, "model,version",
     "Sum of the time of not finding answers and keeping them, microseconds"},
    {"nv_model_load_duration_secs", kGauge, "model,version", "Time of the version's last load"},
    {"nv_cpu_utilization", kGauge, "", "Busy share of the machine since the last refresh, 0..1"},
    {"nv_cpu_memory_total_bytes", kGauge, "", "Memory of the machine"},
    {"nv_cpu_memory_used_bytes", kGauge, "", "Memory of the machine in use"},
    {"hadron_inflight_requests", kGauge, "",
     "Inference requests accepted and not yet answered, queued ones included"},
    {"hadron_inflight_request_seconds_total", kCounter, "",
     "Time integral of hadron_inflight_requests"},
    {"hadron_requests_started_total", kCounter, "", "Inference requests accepted"},
    {"process_start_time_seconds", kGauge, "", "Start of the process, seconds since the epoch"},
    {"hadron_max_inflight", kGauge, "", "Admission limit --max-inflight, 0 for none"},
    {"hadron_request_duration_seconds", kHistogram, "model,version,protocol,code",
     "Latency of inference requests"},
    {"hadron_queue_duration_seconds", kHistogram, "model",
     "Time answered requests waited from acceptance until they ran"},
    {"hadron_residency_wait_seconds", kHistogram, "model",
     "Time requests waited for their model to be loaded or brought onto the device; only those "
     "that "
     "did"},
    {"hadron_batch_size", kHistogram, "model", "Rows of executed batches"},
    {"hadron_model_state", kGauge, "model,version,state", "1 for the version's current state"},
    {"hadron_model_resident", kGauge, "model,version,device", "1 if the weights are on the device"},
    {"hadron_model_memory_bytes", kGauge, "model,version,device,kind",
     "Weights on the device (kind weights) and their copy in host memory (host_copy); what several "
     "models share is told of each"},
    {"hadron_model_loads_total", kCounter, "model,source",
     "Loads up to ready, by where the file came from: a directory (local), the disk cache, the "
     "object store; host: copies of packed weights onto the device, the last step of loads "
     "included"},
    {"hadron_load_failures_total", kCounter, "model,cause",
     "Loads that failed: for the model, memory, its repository, or internally"},
    {"hadron_model_evictions_total", kCounter, "model,cause",
     "How often weights left the device or the host's memory: for others' weights (`pressure`), "
     "unused (`idle`), by call (`manual`), for the tensors between the layers (`arena`), for a "
     "tenant's limit (`quota`)"},
    {"hadron_model_restores_total", kCounter, "model,source",
     "How often weights came onto the device: copied from the host's memory, or loaded again from "
     "elsewhere"},
    {"hadron_model_restore_duration_seconds", kHistogram, "model,source", "Time that took"},
    {"hadron_device_memory_budget_bytes", kGauge, "device", "Budget of the device's allocator"},
    {"hadron_device_memory_reserved_bytes", kGauge, "device", "Bytes reserved of that budget"},
    {"hadron_host_memory_budget_bytes", kGauge, "",
     "Budget of host memory for packed weights and tensors; the device's own where both are one"},
    {"hadron_host_memory_reserved_bytes", kGauge, "", "Bytes reserved of that, shared ones once"},
    {"hadron_device_busy_seconds_total", kCounter, "device",
     "Time the device has spent on runs, copies of inputs and outputs included"},
    {"hadron_ensemble_device_bytes_total", kCounter, "device",
     "Bytes of tensors between steps of ensembles that have stayed on the device"},
    {"hadron_tenant_requests_total", kCounter, "tenant,class",
     "Requests answered with success; a tenant's counters are as of the last seconds and stay "
     "until the server ends"},
    {"hadron_tenant_device_seconds_total", kCounter, "tenant,class",
     "Time of the device on tenants' accounts; `_idle` when nobody used it, `_overhead` when "
     "it worked for nobody"},
    {"hadron_tenant_queue_seconds_total", kCounter, "tenant,class",
     "Time answered requests waited until they ran"},
    {"hadron_tenant_received_bytes_total", kCounter, "tenant,class",
     "Bytes of the inputs of answered requests"},
    {"hadron_tenant_sent_bytes_total", kCounter, "tenant,class", "Bytes of their outputs"},
    {"hadron_tenant_loads_total", kCounter, "tenant,class",
     "Loads and restores that tenants' requests have caused"},
    {"hadron_tenant_resident_byte_seconds_total", kCounter, "tenant,rung",
     "Bytes of models times seconds, on the device (resident), packed in host memory "
     "(compiled) and in the disk cache (cached), by who used them; `_idle` when nobody did"},
    {"hadron_tenant_rejected_total", kCounter, "tenant,cause",
     "Requests refused: full queue, deadline, quota, memory, or draining"},
    {"hadron_tenant_unknown_total", kCounter, "",
     "Requests whose tenant is not in the table of tenants, served as `default`"},
    {"hadron_ledger_dropped_total", kCounter, "",
     "Intervals of the accounts that did not get into the database of --ledger-postgres; the "
     "journal has them"},
    {"hadron_cache_bytes", kGauge, "", "Bytes of copies of remote models in --cache-dir"},
    {"hadron_cache_budget_bytes", kGauge, "", "Bytes they may take"},
    {"hadron_device_programs_total", kCounter, "device,origin",
     "Programs of the device's kernels: compiled from source, or taken from the cache"},
    {"hadron_copied_bytes_total", kCounter, "direction",
     "User-space copies of tensor bytes, in and out"},
    {"hadron_request_memory_bytes", kGauge, "",
     "Request bodies in flight, against --request-memory-budget"},
    {"hadron_connections", kGauge, "protocol", "Open client connections"},
    {"hadron_log_dropped_total", kCounter, "", "Log lines lost because the queue was full"},
    {"hadron_build_info", kGauge, "version,commit,opencl", "1; the labels describe the build"},
};

}  // namespace

std::span<const MetricDefinition> MetricTable() { return kTable; }

const MetricDefinition* FindMetric(std::string_view name) {
  const auto* row = std::find_if(std::begin(kTable), std::end(kTable),
                                 [name](const MetricDefinition& d) { return d.name == name; });
  return row == std::end(kTable) ? nullptr : row;
}

}  // namespace hadron::telemetry
