#include "protocol/admin_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace hadron::protocol {

base::Status CheckAdminAccess(AdminAccess access, bool peer_is_local) {
  const bool allowed =
      access == AdminAccess::kOpen || (access == AdminAccess::kLoopback && peer_is_local);
  if (allowed) return base::OkStatus();
  return base::PermissionDenied(
      fmt::format("changing calls are accepted from {}; see --admin-access",
                  access == AdminAccess::kOff ? "nobody" : "this host only"));
}

bool IsLocalPeer(std::string_view peer) {
  constexpr std::array<std::string_view, 7> kLocal = {
      "ipv4:127.",           "ipv6:[::1]:", "ipv6:%5B::1%5D:", "ipv6:[::ffff:127.",
      "ipv6:%5B::ffff:127.", "unix:",       "unix-abstract:"};
  return std::ranges::any_of(kLocal,
                             [peer](std::string_view prefix) { return peer.starts_with(prefix); });
}

}  // namespace hadron::protocol
