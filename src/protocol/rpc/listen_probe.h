#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace hadron::protocol::rpc {

/// Whether this address could be listened on, found out by taking it for a moment: gRPC says only
/// that it could not, and writes why to standard error. Fails with the texts of net::ListenFailure.
base::Status ProbeListen(const std::string& address, std::uint16_t port, bool reuse_port);

}  // namespace hadron::protocol::rpc
