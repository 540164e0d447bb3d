#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

/// Who may change things: the rule of --admin-access, which both protocols apply.
namespace hadron::protocol {

/// From whom calls that change things are accepted (--admin-access).
enum class AdminAccess : std::uint8_t { kLoopback, kOpen, kOff };

/// PERMISSION_DENIED, naming the option, unless this peer may change things.
base::Status CheckAdminAccess(AdminAccess access, bool peer_is_local);

/// Whether a peer, as gRPC names it ("ipv4:127.0.0.1:4711", "ipv6:%5B::1%5D:4711", "unix:/path"),
/// is on this host: loopback, or a Unix socket.
bool IsLocalPeer(std::string_view peer);

}  // namespace hadron::protocol
