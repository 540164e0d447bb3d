#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "model/model_version.h"
#include "protocol/rpc/backend.h"
#include "protocol/rpc/infer_message.h"
#include "protocol/rpc/wire_writer.h"
#include "serving/inference_request.h"
#include "tensor/host_tensor.h"

/// From the bytes of a ModelInferRequest to an InferenceRequest, and from the engine's answer to
/// the bytes of a ModelInferResponse. Free of gRPC; used by the unary and the streaming call.
namespace hadron::protocol::rpc {

/// What of a request is needed to answer it. Filled as far as the request could be understood.
struct InferAnswer {
  struct Classification {
    std::string output;
    std::uint64_t k = 0;
  };
  std::string id;
  model::ModelHandle model;
  std::vector<Classification> classifications;
  base::TimePoint received;
};

/// A request on its way to its model.
struct IncomingInfer {
  InferMessage message;
  std::optional<std::int64_t> version;
  std::uint64_t timeout_us = 0;  ///< the request's own, 0 = none
};

/// Decodes, and finds the model: on success `answer.model` is set, or null where it has to be
/// loaded first (ModelManager::Acquire).
base::Status ReadInfer(const Backend& backend, const base::IoBuf& bytes, IncomingInfer& incoming,
                       InferAnswer& answer);

/// Checks against answer.model. On success `request` is complete but for `cancelled`.
base::Status AcceptInfer(const Backend& backend, IncomingInfer incoming,
                         serving::InferenceRequest& request, InferAnswer& answer);

/// What InferenceEngine::Await is to bring.
serving::InferenceEngine::Wanted WantedModel(const IncomingInfer& incoming,
                                             std::shared_ptr<const std::atomic<bool>> cancelled);

/// ModelInferResponse of a success; output bytes are shared. `final_flag` adds the parameter
/// triton_final_response. INVALID_ARGUMENT when it is larger than gRPC can carry, or an output
/// cannot be classified.
base::StatusOr<WireWriter> EncodeInfer(const InferAnswer& answer,
                                       serving::InferenceResponse response, bool final_flag);

/// ModelStreamInferResponse around a success.
base::StatusOr<base::IoBuf> EncodeStreamInfer(const WireWriter& response);
/// ModelStreamInferResponse of a failure: text, id and, when the request had been accepted, model
/// and version.
base::IoBuf EncodeStreamFailure(const InferAnswer& answer, bool accepted,
                                const base::Status& status);

/// Counts an answer where the client's door sees it. Nothing without a model.
void ObserveAnswer(const Backend& backend, const InferAnswer& answer, base::StatusCode code);

/// What is sent of a failure's text: metadata is limited to a few KiB, and the text must stay
/// UTF-8.
std::string WireText(const base::Status& status);

}  // namespace hadron::protocol::rpc
