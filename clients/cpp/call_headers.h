#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hadron::client {

using CallHeaders = std::vector<std::pair<std::string, std::string>>;

/// The headers as they may be sent with every call, names in small letters. INVALID_ARGUMENT names
/// one that is no header or that the protocol sets itself; never a value, which may be a secret.
base::StatusOr<CallHeaders> CheckHeaders(const CallHeaders& headers, bool grpc);

}  // namespace hadron::client
