#pragma once

#include <string_view>

#include "protocol/access_rules.h"
#include "protocol/rest/router.h"

namespace hadron::protocol {

/// To which group an endpoint's calls belong, and whether they change things or tell what is
/// private. Total: every endpoint has an answer.
CallKind KindOf(Endpoint endpoint, std::string_view method);

}  // namespace hadron::protocol
