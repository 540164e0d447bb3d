#include "serving/inference_request.h"

#include <utility>
#include <vector>

namespace hadron::serving {
namespace {

/// One row as often as there are.
tensor::HostTensor Rows(const tensor::HostTensor& row, std::int64_t rows) {
  tensor::HostTensor tensor{row.desc, {}};
  tensor.desc.shape = row.desc.shape.WithoutFirst().WithFirst(rows);
  const auto size = row.bytes.size();
  std::vector<std::byte> bytes(static_cast<std::size_t>(rows) * size);
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    row.bytes.CopyTo({bytes.data() + at, size});
  }
  tensor.bytes = base::IoBuf::FromVector(std::move(bytes));
  return tensor;
}

}  // namespace

std::shared_ptr<const std::vector<std::string>> InferenceResponse::LabelsOf(
    const model::ModelVersion& model, const std::string& output) const {
  if (auto own = model.labels(output)) return own;
  const auto at = labels.find(output);
  return at == labels.end() ? nullptr : at->second;
}

void FillDefaults(InferenceRequest& request) {
  const config::ModelConfig& config = request.model->config();
  std::size_t at = 0;
  for (const config::IoConfig& io : config.inputs()) {
    const bool given = at < request.inputs.size() && request.inputs[at].desc.name == io.name;
    const auto value = request.model->defaults().find(io.name);
    if (!given && value != request.model->defaults().end()) {
      request.inputs.insert(request.inputs.begin() + static_cast<std::ptrdiff_t>(at),
                            config.batched() ? Rows(value->second, request.rows) : value->second);
    }
    ++at;
  }
}

}  // namespace hadron::serving
