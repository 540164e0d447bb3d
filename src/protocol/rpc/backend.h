#pragma once

#include <atomic>

#include "protocol/rpc_frontend.h"

namespace hadron::protocol::rpc {

/// What calls are answered from. Models and engine come late: null until Attach, which sets the
/// engine first. Thread-safe.
struct Backend {
  explicit Backend(const RpcFrontend::Services& s) : services(s) {}

  const RpcFrontend::Services services;
  std::atomic<serving::InferenceEngine*> engine{nullptr};
  std::atomic<const model::ModelManager*> models{nullptr};

  /// UNAVAILABLE while there are none.
  base::StatusOr<const model::ModelManager*> Models() const {
    const model::ModelManager* known = models.load();
    if (known != nullptr) return known;
    return base::Unavailable("the server is starting: models are not known yet");
  }
  bool Ready() const {
    const model::ModelManager* known = models.load();
    return known != nullptr && services.state->Ready(*known->catalogue());
  }
};

}  // namespace hadron::protocol::rpc
