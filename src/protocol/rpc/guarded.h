#pragma once

#include <exception>
#include <new>

#include "base/status.h"

namespace hadron::protocol::rpc {

/// Runs `body` (returning a Status); exceptions of the libraries become a failure.
template <typename Body>
base::Status Guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return base::ResourceExhausted("out of memory while handling the request; try again later");
  } catch (const std::exception& e) {
    return base::Internal(e.what());
  }
}

}  // namespace hadron::protocol::rpc
