#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace hadron::model {

/// What a reload does where memory does not hold the old and the new weights of a model at once.
enum class ReloadPolicy : std::uint8_t {
  kKeepOld,       ///< it fails, the old ones go on
  kSwapOutFirst,  ///< requests wait while the old ones leave and the new ones come
};

/// By the name that --reload-policy and the load parameter take ("keep-old", "swap-out-first");
/// INVALID_ARGUMENT for others.
base::StatusOr<ReloadPolicy> ParseReloadPolicy(std::string_view name);

}  // namespace hadron::model
