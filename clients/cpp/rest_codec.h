#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "cpp/json.h"
#include "hadron/client.h"

/// Between the client's types and the bodies of the V2 REST protocol. Pure functions;
/// INVALID_ARGUMENT says what is wrong with a body.
namespace hadron::client::rest {

/// The body of an inference request: JSON of `header_bytes` bytes, then the tensors in binary form.
/// It refers to the memory of the request's tensors.
struct InferBody {
  std::size_t header_bytes = 0;
  base::IoBuf body;
};

/// All outputs are asked for in binary form.
base::StatusOr<InferBody> EncodeInfer(const InferRequest& request);
/// `header_bytes` = the answer's Inference-Header-Content-Length, if it has one.
base::StatusOr<InferResponse> DecodeInfer(const std::string& body,
                                          std::optional<std::size_t> header_bytes);

base::StatusOr<ServerMetadata> DecodeServerMetadata(const json::Value& json);
base::StatusOr<ModelMetadata> DecodeModelMetadata(const json::Value& json);
base::StatusOr<std::vector<ModelIndexEntry>> DecodeIndex(const json::Value& json);
base::StatusOr<std::vector<ModelStatistics>> DecodeStatistics(const json::Value& json);

/// The text of an error answer: its "error" member, or the start of whatever it is.
std::string ErrorText(int status, std::string_view body);

}  // namespace hadron::client::rest
