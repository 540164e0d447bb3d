#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hadron::storage {

/// OK for "" (the root) and for components joined by single '/', each a plain file name: not empty,
/// not beginning with '.', at most 255 bytes, free of control characters and backslashes.
/// INVALID_ARGUMENT otherwise.
base::Status CheckObjectName(std::string_view name);

/// True for one such component.
bool IsPlainName(std::string_view component);

/// "a/b", or one of them when the other is empty.
std::string JoinName(std::string_view directory, std::string_view name);

}  // namespace hadron::storage
