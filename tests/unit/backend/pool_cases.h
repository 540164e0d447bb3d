#pragma once

#include <random>
#include <string>

#include "unit/backend/kernel_rig.h"

namespace hadron::backend {

/// A pool with a window of one to three axes and any attributes.
NodeCase RandomPool(std::mt19937& random, const std::string& op_type);

}  // namespace hadron::backend
