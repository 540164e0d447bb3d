#pragma once

#include <string>
#include <string_view>

namespace hadron::storage::s3 {

/// Without quotes: some servers send them in some places.
std::string BareEtag(std::string_view etag);

}  // namespace hadron::storage::s3
