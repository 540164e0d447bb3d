#pragma once

#include <vector>

#include "config/model_config.h"
#include "model_config.pb.h"

namespace hadron::config::wire {

VersionPolicy BuildVersionPolicy(const ::inference::ModelConfig& config);

/// The checked and completed message as a ModelConfig's fields.
ModelConfig::Fields Build(const ::inference::ModelConfig& config, std::vector<Notice> notices);

/// What is accepted but does nothing, or not what its author may think.
void AddNotices(const ::inference::ModelConfig& config, std::vector<Notice>& notices);

}  // namespace hadron::config::wire
