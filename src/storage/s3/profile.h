#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadron::storage::s3 {

/// One section of the files that AWS tools share; a nested value's name is "outer.inner".
using ProfileSection = std::map<std::string, std::string, std::less<>>;
using ProfileFile = std::map<std::string, ProfileSection, std::less<>>;

/// Sections by their name in brackets. Lines that are nothing are skipped, as the AWS tools do.
ProfileFile ParseProfileFile(std::string_view text);

/// The text of a small file. NOT_FOUND where there is none; messages name it.
base::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace hadron::storage::s3
