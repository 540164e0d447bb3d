#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

/// Who may call what: --admin-access, --http-restricted-api and --grpc-restricted-protocol. One
/// rule, which both protocols apply before a call does anything.
namespace hadron::protocol {

/// From whom calls that change things, or tell what is private, are accepted (--admin-access).
enum class AdminAccess : std::uint8_t { kLoopback, kOpen, kOff };

/// The groups of calls that can be restricted to who knows a header's value.
enum class ApiGroup : std::uint8_t {
  kHealth,
  kMetadata,
  kInference,
  kSharedMemory,
  kModelConfig,
  kModelRepository,
  kStatistics,
  kTrace,
  kLogging,
  kAdmin,  ///< every guarded call, whatever else it belongs to
};
inline constexpr std::array<std::string_view, 10> kApiGroups = {
    "health",           "metadata",   "inference", "shared-memory", "model-config",
    "model-repository", "statistics", "trace",     "logging",       "admin"};

/// What a call is, as far as it matters for who may make it.
struct CallKind {
  ApiGroup group = ApiGroup::kMetadata;
  bool guarded = false;  ///< it changes things, or tells what is private
};

/// The headers of the call at hand.
class CallHeaders {
 public:
  virtual ~CallHeaders() = default;
  /// The first value of that name, which is in lower case.
  virtual std::optional<std::string_view> Find(std::string_view name) const = 0;
};

/// The rules of one door. Immutable; copies share what they say. By default nothing is restricted
/// and only this host may change things.
///
///     HADRON_ASSIGN_OR_RETURN(auto rules, AccessRules::Make(AccessRules::Door::kRest, access,
///                             {"model-repository,admin:x-key=secret"}));
///     HADRON_RETURN_IF_ERROR(rules.Check({ApiGroup::kModelRepository, true}, local, headers));
class AccessRules {
 public:
  enum class Door : std::uint8_t { kRest, kGrpc };

  AccessRules() = default;
  explicit AccessRules(AdminAccess admin) : admin_(admin) {}

  /// `settings` are values of the door's option, "<group>[,<group>]:<header>=<value>" each.
  /// INVALID_ARGUMENT names the option and what is wrong, never a value.
  static base::StatusOr<AccessRules> Make(Door door, AdminAccess admin,
                                          std::span<const std::string> settings);

  /// A call of a restricted group needs the group's header; a guarded one the header of `admin`,
  /// too, where that is restricted. A guarded call that has shown a header passes, else
  /// --admin-access decides. PERMISSION_DENIED; UNAVAILABLE for a missing header at the gRPC door,
  /// as clients of the reference expect it.
  base::Status Check(CallKind call, bool peer_is_local, const CallHeaders& headers) const;

 private:
  struct Key {
    std::string header;  ///< in lower case
    std::string value;
  };
  using Keys = std::array<std::optional<Key>, kApiGroups.size()>;

  static base::Status AddSetting(Door door, std::string_view setting, Keys& keys);
  base::Status Refusal(const Key& key) const;

  Door door_ = Door::kRest;
  AdminAccess admin_ = AdminAccess::kLoopback;
  std::shared_ptr<const Keys> keys_;  ///< null: nothing is restricted
};

/// PERMISSION_DENIED, naming the option, unless this peer may change things.
base::Status CheckAdminAccess(AdminAccess access, bool peer_is_local);

/// Whether a peer, as gRPC names it ("ipv4:127.0.0.1:4711", "ipv6:%5B::1%5D:4711", "unix:/path"),
/// is on this host: loopback, or a Unix socket.
bool IsLocalPeer(std::string_view peer);

/// Whether a page of another site sent this, by its `Sec-Fetch-Site` and `Origin`: a browser is not
/// its user. Programs send neither.
bool IsCrossSite(std::optional<std::string_view> fetch_site, std::optional<std::string_view> origin,
                 std::optional<std::string_view> host);

}  // namespace hadron::protocol
