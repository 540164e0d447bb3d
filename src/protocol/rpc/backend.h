#pragma once

#include <atomic>

#include "protocol/rpc_frontend.h"

namespace hadron::protocol::rpc {

/// What calls are answered from. Models and engine come late: null until Attach, which sets the
/// engine first. Thread-safe.
struct Backend {
  Backend(const RpcFrontend::Services& s, AdminAccess access) : services(s), admin_access(access) {}

  const RpcFrontend::Services services;
  const AdminAccess admin_access;
  std::atomic<serving::InferenceEngine*> engine{nullptr};
  std::atomic<model::ModelManager*> models{nullptr};

  /// UNAVAILABLE while there are none.
  base::StatusOr<model::ModelManager*> Models() const {
    model::ModelManager* known = models.load();
    if (known != nullptr) return known;
    return base::Unavailable("the server is starting: models are not known yet");
  }
  bool Ready() const {
    const model::ModelManager* known = models.load();
    return known != nullptr && services.state->Ready(*known->catalogue());
  }
};

}  // namespace hadron::protocol::rpc
