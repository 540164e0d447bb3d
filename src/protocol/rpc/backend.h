#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "protocol/rpc_frontend.h"

namespace hadron::protocol::rpc {

/// The metadata of a call as headers.
class Metadata final : public CallHeaders {
 public:
  explicit Metadata(const grpc::ServerContextBase& context) : entries_(context.client_metadata()) {}
  std::optional<std::string_view> Find(std::string_view name) const override {
    const auto at = entries_.find(grpc::string_ref(name.data(), name.size()));
    if (at == entries_.end()) return std::nullopt;
    return std::string_view(at->second.data(), at->second.size());
  }

 private:
  const std::multimap<grpc::string_ref, grpc::string_ref>& entries_;
};

/// What calls are answered from. Models and engine come late: null until Attach, which sets the
/// engine first. Thread-safe.
struct Backend {
  Backend(const RpcFrontend::Services& s, AccessRules rules)
      : services(s), access(std::move(rules)) {}

  const RpcFrontend::Services services;
  const AccessRules access;
  std::atomic<serving::InferenceEngine*> engine{nullptr};
  std::atomic<model::ModelManager*> models{nullptr};

  /// UNAVAILABLE while there are none.
  base::StatusOr<model::ModelManager*> Models() const {
    model::ModelManager* known = models.load();
    if (known != nullptr) return known;
    return base::Unavailable("the server is starting: models are not known yet");
  }
  /// Whether this call may be made at all: UNAVAILABLE or PERMISSION_DENIED. First of all checks.
  base::Status CheckAccess(CallKind call, const grpc::ServerContextBase& context) const {
    return access.Check(call, call.guarded && IsLocalPeer(context.peer()), Metadata(context));
  }
  bool Ready() const {
    const model::ModelManager* known = models.load();
    return known != nullptr && services.state->Ready(*known->catalogue());
  }
};

/// In whose name the call comes, and until when its client takes an answer.
base::Status TakeCaller(const Backend& backend, const grpc::ServerContextBase& context,
                        serving::InferenceRequest& request);

}  // namespace hadron::protocol::rpc
