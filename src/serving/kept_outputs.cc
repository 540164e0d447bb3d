#include "serving/kept_outputs.h"

#include <algorithm>

#include "model/model_version.h"
#include "serving/batch_outputs.h"

namespace hadron::serving {
namespace {

using config::ModelConfig;

bool IsToKeep(const Pending& pending, const std::string& output) {
  const std::vector<std::string>& names = pending.request.keep_on_device;
  return !pending.null_item && std::ranges::find(names, output) != names.end();
}

/// Bytes of one row of the batch; 0 where the output does not lie row by row.
std::uint64_t RowBytes(const ModelConfig& config, const plan::ExecutionPlan& plan,
                       std::size_t output) {
  const backend::TensorSpec& spec = plan.tensors[plan.outputs[output]].spec;
  if (!config.batched()) return spec.bytes();
  const bool by_rows = spec.shape.rank() > 0 && spec.shape[0] == plan.rows;
  return by_rows ? spec.bytes() / static_cast<std::uint64_t>(plan.rows) : 0;
}

/// What requests want to be kept and this plan makes on the device: calls visit(output, request,
/// first byte of the output, bytes).
template <typename Visit>
void ForEachPart(const Batch& batch, const plan::ExecutionPlan& plan, const Visit& visit) {
  const model::ModelVersion& version = *batch.pin.version();
  const ModelConfig& config = version.config();
  if (!TakesDeviceTensors(config)) return;
  const auto& outputs = version.compiled().graph().outputs();
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const std::uint64_t row = RowBytes(config, plan, o);
    if (!plan.ends.outputs[o] || row == 0) continue;
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < batch.requests.size(); ++i) {
      const Pending& pending = batch.requests[i];
      const auto rows = config.batched() ? static_cast<std::uint64_t>(pending.request.rows) : 1;
      if (IsToKeep(pending, outputs[o].name)) visit(o, i, at, rows * row);
      at += rows * row;
    }
  }
}

bool HasKept(const Pending& pending, const std::string& output) {
  return std::ranges::any_of(pending.kept, [&](const auto& kept) { return kept.first == output; });
}

}  // namespace

bool TakesDeviceTensors(const ModelConfig& config) {
  return !config.ensemble() && !config.ragged() && !config.response_cache() &&
         !config.sequence_batching();
}

std::uint64_t BytesToKeep(const Batch& batch, const plan::ExecutionPlan& plan) {
  std::uint64_t sum = 0;
  ForEachPart(batch, plan, [&sum](std::size_t, std::size_t, std::uint64_t, std::uint64_t bytes) {
    sum += bytes;
  });
  return sum;
}

void KeepOutputs(Batch& batch, const plan::ExecutionPlan& plan, KeptTensors& room,
                 plan::RunRequest& run) {
  for (Pending& pending : batch.requests) pending.kept.clear();  // of a run that has failed
  const auto& outputs = batch.pin.version()->compiled().graph().outputs();
  ForEachPart(batch, plan,
              [&](std::size_t output, std::size_t request, std::uint64_t at, std::uint64_t bytes) {
                auto tensor = room.Take(bytes);
                if (tensor == nullptr) return;
                run.kept.push_back({output, at, tensor->place()});
                batch.requests[request].kept.emplace_back(outputs[output].name, std::move(tensor));
              });
  if (run.kept.empty()) return;
  run.unread.assign(outputs.size(), false);
  for (const plan::KeptPart& kept : run.kept) {
    const std::string& name = outputs[kept.output].name;
    run.unread[kept.output] = std::ranges::all_of(batch.requests, [&](const Pending& pending) {
      return pending.null_item || !Wants(pending, name) || HasKept(pending, name);
    });
  }
}

std::uint64_t NoteKept(const Batch& batch) {
  std::uint64_t bytes = 0;
  for (const Pending& pending : batch.requests) {
    for (const auto& [output, tensor] : pending.kept) {
      tensor->SetReadable(true);
      bytes += tensor->size();
    }
  }
  return bytes;
}

}  // namespace hadron::serving
