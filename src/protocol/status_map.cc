#include "protocol/status_map.h"

#include <algorithm>
#include <chrono>

namespace hadron::protocol {
namespace {

int WholeSeconds(std::chrono::nanoseconds wait) {
  constexpr std::int64_t kMost = 24 * 3600;
  return static_cast<int>(
      std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(wait).count(), 1, kMost));
}

}  // namespace

int HttpStatus(const base::Status& status) {
  using base::StatusCode;
  switch (status.code()) {
    case StatusCode::kOk:
      return 200;
    case StatusCode::kInvalidArgument:
    case StatusCode::kAlreadyExists:
    case StatusCode::kCancelled:
    case StatusCode::kUnknown:
      return 400;
    case StatusCode::kUnauthenticated:
      return 401;
    case StatusCode::kPermissionDenied:
      return 403;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kInternal:
      return 500;
    case StatusCode::kUnimplemented:
      return 501;
    case StatusCode::kUnavailable:
      return 503;
    case StatusCode::kResourceExhausted:
      return status.cause() == base::RefusalCause::kQuota ? 429 : 503;
  }
  return 500;
}

int GrpcStatus(const base::Status& status) { return static_cast<int>(status.code()); }

std::optional<int> RetryAfterSeconds(const base::Status& status) {
  switch (status.cause()) {
    case base::RefusalCause::kQueue:
    case base::RefusalCause::kDeadline:
    case base::RefusalCause::kQuota:
    case base::RefusalCause::kMemory:
      return WholeSeconds(status.retry_after().value_or(std::chrono::seconds(1)));
    case base::RefusalCause::kNone:
    case base::RefusalCause::kDraining:
      break;
  }
  return std::nullopt;
}

}  // namespace hadron::protocol
