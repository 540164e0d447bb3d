#pragma once

#include <vector>

#include "base/status.h"
#include "grpc_service.pb.h"
#include "hadron/client.h"

/// Between the client's types and the messages of the V2 gRPC protocol. Pure functions;
/// INVALID_ARGUMENT says what is wrong.
namespace hadron::client::rpc {

base::StatusOr<::inference::ModelInferRequest> EncodeInfer(const InferRequest& request);
base::StatusOr<InferResponse> DecodeInfer(const ::inference::ModelInferResponse& message);
ModelMetadata DecodeMetadata(const ::inference::ModelMetadataResponse& message);
ModelStatistics DecodeStatistics(const ::inference::ModelStatistics& message);

}  // namespace hadron::client::rpc
