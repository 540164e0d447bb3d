#pragma once

#include <string>

#include "base/status.h"

namespace hadron::cli {

/// The whole of a regular file of at most 1 GiB. Failures name the file and the reason.
base::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace hadron::cli
