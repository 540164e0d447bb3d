#include "serving/batch_run.h"

#include <algorithm>

#include "serving/batch_outputs.h"

namespace hadron::serving {
namespace {

using base::Status;
using tensor::HostTensor;

std::uint64_t Ns(base::Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
}

telemetry::FailureReason ReasonOf(const Status& status) {
  if (status.code() == base::StatusCode::kCancelled) return telemetry::FailureReason::kCanceled;
  if (status.cause() == base::RefusalCause::kQueue ||
      status.cause() == base::RefusalCause::kDeadline) {
    return telemetry::FailureReason::kRejected;
  }
  return status.code() == base::StatusCode::kInternal ? telemetry::FailureReason::kBackend
                                                      : telemetry::FailureReason::kOther;
}

void CountOnAccount(const Pending& pending, const RequestTimes& times,
                    const std::vector<HostTensor>& outputs) {
  if (pending.request.account == nullptr || pending.request.depth > 0) return;
  tenancy::Usage usage;
  usage.requests = 1;
  usage.rows = static_cast<std::uint64_t>(pending.request.rows);
  usage.queue_ns = times.queue_ns;
  usage.bytes_in = InputBytes(pending.request);
  for (const HostTensor& output : outputs) usage.bytes_out += output.bytes.size();
  pending.request.account->Add(usage);
}

void CountSuccess(const Pending& pending, const RequestTimes& times, const model::BatchTimes& batch,
                  const base::Clock& clock) {
  const model::ModelVersion& version = *pending.request.model;
  const std::uint64_t total = Ns(clock.Now() - pending.enqueued);
  const auto rows = static_cast<std::uint64_t>(pending.request.rows);
  version.statistics().RecordSuccess(rows, total, times.queue_ns, batch, clock.WallMs());
  telemetry::ModelMetrics& metrics = version.metrics();
  metrics.success.Add();
  metrics.inference_count.Add(rows);
  metrics.request_ns.Add(total);
  metrics.queue_ns.Add(times.queue_ns);
  metrics.ObserveWait(telemetry::Wait::kQueue, static_cast<double>(times.queue_ns) * 1e-9);
  metrics.compute_input_ns.Add(times.input_ns);
  metrics.compute_infer_ns.Add(times.infer_ns);
  metrics.compute_output_ns.Add(times.output_ns);
}

/// Whoever has the answer may ask again, and is not to be refused for the request that is over.
void GiveBack(Pending& pending) { pending.request.hold = {}; }

void End(Pending pending, Status status, telemetry::FailureReason reason) {
  const model::ModelVersion& version = *pending.request.model;
  version.metrics().CountFailure(reason);
  version.statistics().RecordFailure(Ns(std::chrono::steady_clock::now() - pending.enqueued));
  if (pending.request.account != nullptr && pending.request.depth == 0) {
    pending.request.account->CountRefusal(status.cause());
  }
  InferenceResponse response;
  response.status = std::move(status);
  GiveBack(pending);
  pending.done(std::move(response));
}

}  // namespace

void Refuse(Pending pending, Status status) {
  const telemetry::FailureReason reason = ReasonOf(status);
  End(std::move(pending), std::move(status), reason);
}

void FailEnsemble(Pending pending, Status status) {
  // The model of the step has counted what it was.
  const bool cancelled = status.code() == base::StatusCode::kCancelled;
  End(std::move(pending), std::move(status),
      cancelled ? telemetry::FailureReason::kCanceled : telemetry::FailureReason::kOther);
}

std::size_t CountRequests(const std::vector<Pending>& items) {
  return static_cast<std::size_t>(std::ranges::count(items, false, &Pending::null_item));
}

std::vector<std::uint64_t> DivideTime(const Batch& batch, std::uint64_t ns) {
  // Differences of a running sum: what is rounded away of one part is in the next.
  std::vector<std::uint64_t> parts;
  const bool by_rows = batch.rows > 0;
  const double all =
      static_cast<double>(by_rows ? batch.rows : static_cast<std::int64_t>(batch.requests.size()));
  double so_far = 0;
  std::uint64_t given = 0;
  for (const Pending& pending : batch.requests) {
    so_far += by_rows ? static_cast<double>(pending.request.rows) : 1;
    const bool last = parts.size() + 1 == batch.requests.size();
    const auto until =
        last ? ns : static_cast<std::uint64_t>(static_cast<double>(ns) * (so_far / all));
    parts.push_back(until - given);
    given = until;
  }
  return parts;
}

std::uint64_t InputBytes(const InferenceRequest& request) {
  std::uint64_t bytes = 0;
  for (const HostTensor& input : request.inputs) bytes += input.bytes.size();
  return bytes;
}

void ChargeBatch(const Batch& batch, std::uint64_t device_ns, base::TimePoint now) {
  if (device_ns == 0) return;
  const std::vector<std::uint64_t> parts = DivideTime(batch, device_ns);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const InferenceRequest& request = batch.requests[i].request;
    tenancy::Usage usage;
    usage.device_ns = parts[i];
    if (request.account != nullptr) request.account->Add(usage);
    if (request.identity.tenant != nullptr) {
      request.identity.tenant->Charge(std::chrono::nanoseconds(parts[i]), now);
    }
  }
}

void CompleteBatch(Batch batch, plan::RunResult result, base::TimePoint started,
                   const base::Clock& clock) {
  const model::ModelVersion& version = *batch.pin.version();
  if (!result.status.ok()) return FailBatch(std::move(batch), result.status, clock);
  auto split = OutputSplit::Create(version, std::move(result.outputs));
  if (!split.ok()) return FailBatch(std::move(batch), std::move(split).status(), clock);
  const model::BatchTimes times{static_cast<std::uint64_t>(batch.rows), result.input_ns,
                                result.infer_ns, result.output_ns};
  version.statistics().RecordBatch(times);
  version.metrics().exec_count.Add();
  version.metrics().ObserveBatch(static_cast<std::size_t>(batch.rows));
  for (Pending& pending : batch.requests) {
    InferenceResponse response;
    response.outputs = split->Next(pending);
    if (pending.null_item) continue;
    response.times = {Ns(started - pending.enqueued), result.input_ns, result.infer_ns,
                      result.output_ns};
    CountSuccess(pending, response.times, times, clock);
    CountOnAccount(pending, response.times, response.outputs);
    version.metrics().running.Add(-1);
    GiveBack(pending);
    pending.done(std::move(response));
  }
}

void CompleteEnsemble(Pending pending, InferenceResponse response, const base::Clock& clock) {
  const model::ModelVersion& version = *pending.request.model;
  const RequestTimes& times = response.times;
  const model::BatchTimes sums{static_cast<std::uint64_t>(pending.request.rows), times.input_ns,
                               times.infer_ns, times.output_ns};
  version.statistics().RecordBatch(sums);
  version.metrics().exec_count.Add();
  CountSuccess(pending, times, sums, clock);
  CountOnAccount(pending, times, response.outputs);
  GiveBack(pending);
  pending.done(std::move(response));
}

Status AdmitToTenant(Pending& pending, base::Duration expected) {
  InferenceRequest& request = pending.request;
  if (request.identity.tenant == nullptr || request.depth > 0) return {};
  auto hold = request.identity.tenant->Admit(InputBytes(request), expected, pending.enqueued);
  if (!hold.ok()) return std::move(hold).status();
  request.hold = std::move(*hold);
  return {};
}

void CompleteHit(Pending pending, ResponseCache::Hit hit, const base::Clock& clock) {
  const model::ModelVersion& version = *pending.request.model;
  const std::uint64_t total = Ns(clock.Now() - pending.enqueued);
  version.statistics().RecordCacheHit(total, Ns(hit.took), clock.WallMs());
  telemetry::ModelMetrics& metrics = version.metrics();
  metrics.success.Add();
  metrics.request_ns.Add(total);
  metrics.cache_hits.Add();
  metrics.cache_hit_ns.Add(Ns(hit.took));
  InferenceResponse response;
  response.outputs = std::move(hit.outputs);
  response.labels = std::move(hit.labels);
  CountOnAccount(pending, response.times, response.outputs);
  pending.done(std::move(response));
}

void FailBatch(Batch batch, const Status& status, const base::Clock&) {
  batch.pin->metrics().running.Add(-static_cast<std::int64_t>(CountRequests(batch.requests)));
  for (Pending& pending : batch.requests) {
    if (!pending.null_item) Refuse(std::move(pending), status.Clone());
  }
}

}  // namespace hadron::serving
