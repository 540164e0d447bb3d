#pragma once

#include "grpc_service.pb.h"
#include "model/model_version.h"

namespace hadron::protocol::rpc {

/// One version's row of the statistics extension.
void FillStatistics(const model::ModelVersion& version, ::inference::ModelStatistics& out);

}  // namespace hadron::protocol::rpc
