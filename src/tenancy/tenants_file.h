#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tenancy/tenant_settings.h"

namespace hadron::tenancy {

inline constexpr std::size_t kMaxTenantsFileBytes = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxTenants = 10'000;

/// What a file of tenants says (docs/tenants.md). Strict: what it does not know it refuses, so that
/// a limit with a typing error is never taken for no limit. Every failure is INVALID_ARGUMENT and
/// names file, place and remedy. Pure.
///
///     HADRON_ASSIGN_OR_RETURN(auto parsed, ParseTenants("tenants.json", text));
using ParsedTenants = std::vector<std::pair<std::string, TenantSettings>>;
base::StatusOr<ParsedTenants> ParseTenants(const std::string& file, std::string_view text);

/// 1 to 64 characters of [A-Za-z0-9._@-].
bool IsTenantName(std::string_view name);

/// What a file is at the moment, as far as it can be told without reading it: another text after
/// every change. "absent" when there is none.
std::string StateOfFile(const std::string& file);
/// INVALID_ARGUMENT when it is no file, is too large or cannot be read.
base::StatusOr<std::string> ReadTenantsFile(const std::string& file);

}  // namespace hadron::tenancy
