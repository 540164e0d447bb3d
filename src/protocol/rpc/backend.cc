#include "protocol/rpc/backend.h"

#include <algorithm>
#include <chrono>

namespace hadron::protocol::rpc {

base::Status TakeCaller(const Backend& backend, const grpc::ServerContextBase& context,
                        serving::InferenceRequest& request) {
  using std::chrono::system_clock;
  // Clients without a deadline have one at the end of time; what is further away than this is none.
  constexpr std::chrono::hours kFar{24 * 365};
  const auto left = context.deadline() - system_clock::now();
  if (left < kFar) {
    request.deadline = backend.services.clock->Now() +
                       std::chrono::duration_cast<base::Duration>(std::max(left, {}));
  }
  return IdentifyCaller(backend.services.callers, Metadata(context), request);
}

}  // namespace hadron::protocol::rpc
