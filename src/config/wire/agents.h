#pragma once

#include <vector>

#include "base/status.h"
#include "config/checksum.h"
#include "model_config.pb.h"

namespace hadron::config::wire {

/// `model_repository_agents`: the agent `checksum`, with parameters `MD5:<path>` and
/// `SHA256:<path>` for the digest. INVALID_ARGUMENT names any other agent or parameter.
base::StatusOr<std::vector<Checksum>> ReadAgents(const ::inference::ModelConfig& config);

}  // namespace hadron::config::wire
