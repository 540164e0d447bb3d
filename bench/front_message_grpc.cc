// Requests and answers of the gRPC protocol: raw or typed contents, alone or in a stream.
#include <fmt/format.h>

#include "base/bytes.h"
#include "bench/front_message.h"
#include "grpc_service.pb.h"

namespace hadron::bench {
namespace {

using base::Status;
using ::inference::InferTensorContents;

void SetContents(const Tensor& tensor, InferTensorContents& contents) {
  const auto bytes = base::AsBytes(tensor.bytes);
  if (tensor.integer) {
    const auto values = base::AsArray<std::int32_t>(bytes);
    contents.mutable_int_contents()->Add(values.begin(), values.end());
  } else {
    const auto values = base::AsArray<float>(bytes);
    contents.mutable_fp32_contents()->Add(values.begin(), values.end());
  }
}

template <typename Field>
std::string_view BytesOf(const Field& field) {
  return base::AsText(
      std::as_bytes(std::span(field.data(), static_cast<std::size_t>(field.size()))));
}

std::string_view ContentsOf(const Tensor& tensor, const InferTensorContents& contents) {
  return tensor.integer ? BytesOf(contents.int_contents()) : BytesOf(contents.fp32_contents());
}

Status CheckResponse(const ::inference::ModelInferResponse& response,
                     std::span<const Tensor> expected) {
  const auto count = static_cast<int>(expected.size());
  const bool raw = response.raw_output_contents_size() > 0;
  if (response.outputs_size() != count || (raw && response.raw_output_contents_size() != count)) {
    return base::Internal(
        fmt::format("{} outputs came, {} expected", response.outputs_size(), count));
  }
  for (int i = 0; i < count; ++i) {
    const Tensor& tensor = expected[static_cast<std::size_t>(i)];
    const std::string_view bytes = raw ? std::string_view(response.raw_output_contents(i))
                                       : ContentsOf(tensor, response.outputs(i).contents());
    HADRON_RETURN_IF_ERROR(CheckBytes(tensor, bytes));
  }
  return {};
}

template <typename Message>
Status Parse(std::string_view bytes, Message& message) {
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return base::Internal("the answer is no message of the protocol");
}

}  // namespace

WireRequest EncodeGrpc(Protocol protocol, const Payload& payload) {
  ::inference::ModelInferRequest request;
  request.set_model_name(payload.model);
  for (const Tensor& tensor : payload.inputs) {
    auto& input = *request.add_inputs();
    input.set_name(tensor.name);
    input.set_datatype(std::string(tensor.datatype()));
    input.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
    if (protocol == Protocol::kGrpcTyped) {
      SetContents(tensor, *input.mutable_contents());
    } else {
      request.add_raw_input_contents(tensor.bytes);
    }
  }
  const bool stream = protocol == Protocol::kGrpcStream;
  return {stream ? "/inference.GRPCInferenceService/ModelStreamInfer"
                 : "/inference.GRPCInferenceService/ModelInfer",
          "", request.SerializeAsString()};
}

Status CheckGrpc(Protocol protocol, std::string_view answer, std::span<const Tensor> expected) {
  if (protocol != Protocol::kGrpcStream) {
    ::inference::ModelInferResponse response;
    HADRON_RETURN_IF_ERROR(Parse(answer, response));
    return CheckResponse(response, expected);
  }
  ::inference::ModelStreamInferResponse response;
  HADRON_RETURN_IF_ERROR(Parse(answer, response));
  if (!response.error_message().empty()) return base::Unavailable(response.error_message());
  return CheckResponse(response.infer_response(), expected);
}

}  // namespace hadron::bench
