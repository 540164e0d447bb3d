#include "protocol/access_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace hadron::protocol {
namespace {

using base::InvalidArgument;
using base::Status;

std::string_view OptionOf(AccessRules::Door door) {
  return door == AccessRules::Door::kRest ? "--http-restricted-api" : "--grpc-restricted-protocol";
}

/// What the reference puts before the names of gRPC's headers.
std::string_view PrefixOf(AccessRules::Door door) {
  return door == AccessRules::Door::kRest ? "" : "triton-grpc-protocol-";
}

/// The time this takes tells nothing of where two values differ.
bool SameSecret(std::string_view given, std::string_view wanted) {
  unsigned difference = given.size() == wanted.size() ? 0U : 1U;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char expected = wanted[i % wanted.size()];
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(expected);
  }
  return difference == 0;
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

base::StatusOr<AccessRules> AccessRules::Make(Door door, AdminAccess admin,
                                              std::span<const std::string> settings) {
  AccessRules rules(admin);
  rules.door_ = door;
  if (settings.empty()) return rules;
  Keys keys;
  for (const std::string& setting : settings) {
    HADRON_RETURN_IF_ERROR(AddSetting(door, setting, keys));
  }
  rules.keys_ = std::make_shared<const Keys>(std::move(keys));
  return rules;
}

Status AccessRules::AddSetting(Door door, std::string_view setting, Keys& keys) {
  const std::string_view option = OptionOf(door);
  const std::size_t colon = setting.find(':');
  const std::size_t equals = colon == setting.npos ? colon : setting.find('=', colon);
  // What comes behind the '=' is a secret: it is told to nobody, not even to who set it.
  if (equals == setting.npos || equals + 1 == setting.size()) {
    return InvalidArgument(fmt::format("{}: expected <group>[,<group>]:<header>=<value>", option));
  }
  const std::string name = base::ToLower(base::Trim(setting.substr(colon + 1, equals - colon - 1)));
  if (!IsHeaderName(name)) {
    return InvalidArgument(
        fmt::format("{}: '{}' is no name of a header", option, base::EscapeControl(name)));
  }
  const Key key{std::string(PrefixOf(door)) + name, std::string(setting.substr(equals + 1))};
  for (const std::string& group : base::Split(setting.substr(0, colon), ',')) {
    const auto at = std::ranges::find(kApiGroups, base::Trim(group));
    if (at == kApiGroups.end()) {
      const std::vector<std::string> known(kApiGroups.begin(), kApiGroups.end());
      return InvalidArgument(fmt::format("{}: there is no group '{}'; there are {}", option,
                                         base::EscapeControl(group), base::Join(known, ", ")));
    }
    std::optional<Key>& slot = keys[static_cast<std::size_t>(at - kApiGroups.begin())];
    if (slot) {
      return InvalidArgument(
          fmt::format("{}: the group '{}' is given more than once", option, group));
    }
    slot = key;
  }
  return {};
}

Status AccessRules::Refusal(const Key& key) const {
  if (door_ == Door::kRest) {
    return base::PermissionDenied(
        fmt::format("This API is restricted, expecting header '{}'", key.header));
  }
  return base::Unavailable(
      fmt::format("This protocol is restricted, expecting header '{}'", key.header));
}

Status AccessRules::Check(CallKind call, bool peer_is_local, const CallHeaders& headers) const {
  bool known = false;
  for (const ApiGroup group : {call.group, ApiGroup::kAdmin}) {
    if (keys_ == nullptr || (group == ApiGroup::kAdmin && !call.guarded)) continue;
    const std::optional<Key>& key = (*keys_)[static_cast<std::size_t>(group)];
    if (!key) continue;
    const std::optional<std::string_view> given = headers.Find(key->header);
    if (!given || !SameSecret(*given, key->value)) return Refusal(*key);
    known = true;
  }
  if (known || !call.guarded) return {};
  return CheckAdminAccess(admin_, peer_is_local);
}

Status CheckAdminAccess(AdminAccess access, bool peer_is_local) {
  const bool allowed =
      access == AdminAccess::kOpen || (access == AdminAccess::kLoopback && peer_is_local);
  if (allowed) return base::OkStatus();
  return base::PermissionDenied(fmt::format(
      "calls that change things or tell what is private are accepted from {}; see --admin-access",
      access == AdminAccess::kOff ? "nobody" : "this host only"));
}

bool IsLocalPeer(std::string_view peer) {
  constexpr std::array<std::string_view, 7> kLocal = {
      "ipv4:127.",           "ipv6:[::1]:", "ipv6:%5B::1%5D:", "ipv6:[::ffff:127.",
      "ipv6:%5B::ffff:127.", "unix:",       "unix-abstract:"};
  return std::ranges::any_of(kLocal,
                             [peer](std::string_view prefix) { return peer.starts_with(prefix); });
}

bool IsCrossSite(std::optional<std::string_view> fetch_site, std::optional<std::string_view> origin,
                 std::optional<std::string_view> host) {
  if (fetch_site == "cross-site") return true;
  if (!origin) return false;
  const std::size_t scheme = origin->find("://");
  return scheme == origin->npos || !host || origin->substr(scheme + 3) != *host;
}

}  // namespace hadron::protocol
