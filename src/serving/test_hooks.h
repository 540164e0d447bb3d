#pragma once

#include <cstddef>

#include "base/clock.h"
#include "config/model_config.h"

namespace hadron::serving {

/// Switches with which black-box tests of batchers get the timing they need; names and meaning are
/// Triton's. All of them do nothing unless HADRON_TEST_HOOKS=1.

/// The number in an environment variable; 0 without one.
std::size_t TestHook(const char* name);
/// How much longer every execution of the model takes: its parameter `execute_delay_ms`.
base::Duration ExecuteDelay(const config::ModelConfig& config);

}  // namespace hadron::serving
