#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "config/model_config.h"
#include "model_config.pb.h"

namespace hadron::config::wire {

/// What there is to run on.
struct Devices {
  std::int64_t gpu_count = 0;
  bool allow_cpu_fallback = false;  ///< KIND_GPU without a GPU becomes KIND_CPU
};

/// Names the groups, turns KIND_AUTO and KIND_MODEL into KIND_GPU or KIND_CPU, fills counts and
/// device lists; a model without groups gets one. INVALID_ARGUMENT names the group.
base::Status CompleteInstanceGroups(const Devices& devices, ::inference::ModelConfig& config,
                                    std::vector<Notice>& notices);

}  // namespace hadron::config::wire
