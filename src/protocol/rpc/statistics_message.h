#pragma once

#include "grpc_service.pb.h"
#include "protocol/server_state.h"

namespace hadron::protocol::rpc {

/// One version's row of the statistics extension.
void FillStatistics(const StatisticsTarget& version, ::inference::ModelStatistics& out);

}  // namespace hadron::protocol::rpc
