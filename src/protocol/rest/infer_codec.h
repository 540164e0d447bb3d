#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/io_buf.h"
#include "base/status.h"
#include "net/compression.h"
#include "net/http_message.h"
#include "serving/inference_request.h"

/// Bytes of an HTTP body <-> InferenceRequest and InferenceResponse.
namespace hadron::protocol {

/// How the client wants one output.
struct OutputForm {
  bool binary = false;
  std::uint64_t classification = 0;
};

/// What has to be remembered of a request to write its answer.
struct ResponseForm {
  std::string id;
  OutputForm otherwise;  ///< outputs that were not listed
  std::map<std::string, OutputForm, std::less<>> listed;
  net::ContentCoding coding = net::ContentCoding::kIdentity;

  const OutputForm& Of(std::string_view output) const {
    const auto at = listed.find(output);
    return at == listed.end() ? otherwise : at->second;
  }
};

struct DecodedInfer {
  serving::InferenceRequest request;
  ResponseForm form;
};

/// Reads the body (JSON, JSON with binary tensors behind it, or one raw tensor), validates it
/// against `model`. Binary tensors point into the body. Failures carry the spec's texts.
base::StatusOr<DecodedInfer> DecodeInfer(const net::HttpRequest& http, model::ModelHandle model,
                                         std::uint64_t max_input_bytes);

/// The request's own queue timeout in microseconds (0 = none), read before its model is known: how
/// long it may wait for that. The failure of a body that no model could read.
base::StatusOr<std::uint64_t> PeekTimeout(const net::HttpRequest& http,
                                          std::uint64_t max_input_bytes);

/// The answer, compressed when the client wants it. Result bytes are referred to, not copied, when
/// they travel in binary.
net::HttpResponse EncodeInfer(const model::ModelVersion& model, const ResponseForm& form,
                              const serving::InferenceResponse& response);

/// `{"error": message}` with the status and `Retry-After` that belong to the failure.
net::HttpResponse FailureResponse(const base::Status& status);

/// The body as it was before Content-Encoding. Bounded by `max_bytes` where it is compressed.
base::StatusOr<base::IoBuf> PlainBody(const net::HttpRequest& http, std::uint64_t max_bytes);

}  // namespace hadron::protocol
