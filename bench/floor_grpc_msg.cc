// The reply of floor grpc_msg: the request parsed into an arena, a response that copies the
// tensors.
#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include "bench/floor.h"
#include "grpc_service.pb.h"

namespace hadron::bench {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;
using ::inference::ModelStreamInferResponse;

void CopyTensors(const ModelInferRequest& request, ModelInferResponse& response) {
  response.set_model_name(request.model_name());
  response.set_model_version("1");
  for (const auto& input : request.inputs()) {
    auto& output = *response.add_outputs();
    output.set_name(input.name());
    output.set_datatype(input.datatype());
    *output.mutable_shape() = input.shape();
    if (input.has_contents()) *output.mutable_contents() = input.contents();
  }
  for (const std::string& raw : request.raw_input_contents()) response.add_raw_output_contents(raw);
}

template <typename Message>
grpc::ByteBuffer Serialise(const Message& message) {
  grpc::ByteBuffer bytes;
  bool own = false;
  grpc::SerializationTraits<Message>::Serialize(message, &bytes, &own);
  return bytes;
}

}  // namespace

grpc::ByteBuffer MessageReply(grpc::ByteBuffer& request, bool stream) {
  google::protobuf::Arena arena;
  auto* message = google::protobuf::Arena::CreateMessage<ModelInferRequest>(&arena);
  grpc::SerializationTraits<ModelInferRequest>::Deserialize(&request, message);
  if (!stream) {
    auto* response = google::protobuf::Arena::CreateMessage<ModelInferResponse>(&arena);
    CopyTensors(*message, *response);
    return Serialise(*response);
  }
  auto* response = google::protobuf::Arena::CreateMessage<ModelStreamInferResponse>(&arena);
  CopyTensors(*message, *response->mutable_infer_response());
  return Serialise(*response);
}

}  // namespace hadron::bench
