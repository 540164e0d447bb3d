#include "cpp/grpc_codec.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "cpp/wire_tensor.h"

namespace hadron::client::rpc {
namespace {

template <typename Message>
std::vector<TensorInfo> TensorInfos(const Message& tensors) {
  std::vector<TensorInfo> infos;
  for (const auto& t : tensors) {
    infos.push_back({t.name(), t.datatype(), {t.shape().begin(), t.shape().end()}});
  }
  return infos;
}

}  // namespace

base::StatusOr<::inference::ModelInferRequest> EncodeInfer(const InferRequest& request) {
  ::inference::ModelInferRequest message;
  message.set_model_name(request.model);
  message.set_model_version(request.version);
  message.set_id(request.id);
  for (const Tensor& tensor : request.inputs) {
    HADRON_ASSIGN_OR_RETURN(const base::IoBuf bytes, ToWire(tensor));
    auto& input = *message.add_inputs();
    input.set_name(tensor.name);
    input.set_datatype(tensor.datatype);
    input.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
    message.add_raw_input_contents(bytes.ToString());
  }
  for (const RequestedOutput& wanted : request.outputs) {
    auto& output = *message.add_outputs();
    output.set_name(wanted.name);
    if (wanted.classification > 0) {
      (*output.mutable_parameters())["classification"].set_int64_param(wanted.classification);
    }
  }
  return message;
}

base::StatusOr<InferResponse> DecodeInfer(const ::inference::ModelInferResponse& message) {
  if (message.raw_output_contents_size() != message.outputs_size()) {
    return base::InvalidArgument(fmt::format("{} outputs with {} contents", message.outputs_size(),
                                             message.raw_output_contents_size()));
  }
  InferResponse response;
  response.model = message.model_name();
  response.version = message.model_version();
  response.id = message.id();
  for (int i = 0; i < message.outputs_size(); ++i) {
    const auto& output = message.outputs(i);
    Tensor tensor;
    tensor.name = output.name();
    tensor.datatype = output.datatype();
    tensor.shape.assign(output.shape().begin(), output.shape().end());
    const std::string_view content = message.raw_output_contents(i);
    HADRON_RETURN_IF_ERROR(FromWire(base::IoBuf::Wrap(base::AsBytes(content), nullptr), tensor));
    response.outputs.push_back(std::move(tensor));
  }
  return response;
}

ModelMetadata DecodeMetadata(const ::inference::ModelMetadataResponse& message) {
  ModelMetadata metadata;
  metadata.name = message.name();
  metadata.versions.assign(message.versions().begin(), message.versions().end());
  metadata.platform = message.platform();
  metadata.inputs = TensorInfos(message.inputs());
  metadata.outputs = TensorInfos(message.outputs());
  return metadata;
}

ModelStatistics DecodeStatistics(const ::inference::ModelStatistics& message) {
  ModelStatistics statistics;
  statistics.name = message.name();
  statistics.version = message.version();
  statistics.last_inference_ms = message.last_inference();
  statistics.inference_count = message.inference_count();
  statistics.execution_count = message.execution_count();
  const auto set = [&](const char* kind, const ::inference::StatisticDuration& duration) {
    statistics.durations[kind] = {duration.count(), duration.ns()};
  };
  const auto& times = message.inference_stats();
  set("success", times.success());
  set("fail", times.fail());
  set("queue", times.queue());
  set("compute_input", times.compute_input());
  set("compute_infer", times.compute_infer());
  set("compute_output", times.compute_output());
  set("cache_hit", times.cache_hit());
  set("cache_miss", times.cache_miss());
  return statistics;
}

}  // namespace hadron::client::rpc
