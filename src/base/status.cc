#include "base/status.h"

#include <fmt/format.h>

namespace hadron::base {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "OK";
    case StatusCode::kCancelled:
      return "CANCELLED";
    case StatusCode::kUnknown:
      return "UNKNOWN";
    case StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case StatusCode::kNotFound:
      return "NOT_FOUND";
    case StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case StatusCode::kInternal:
      return "INTERNAL";
    case StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

Status::Status(StatusCode code, std::string message, RefusalCause cause) {
  if (code != StatusCode::kOk) {
    rep_ = std::make_unique<Rep>(Rep{code, cause, std::move(message)});
  }
}

const std::string& Status::message() const {
  static const std::string empty;
  return rep_ == nullptr ? empty : rep_->message;
}

std::string Status::ToString() const {
  return ok() ? "OK" : fmt::format("{}: {}", StatusCodeName(code()), message());
}

Status Status::Clone() const {
  Status copy;
  if (rep_ != nullptr) copy.rep_ = std::make_unique<Rep>(*rep_);
  return copy;
}

Status Status::With(std::string_view context) && {
  if (rep_ != nullptr) rep_->message = fmt::format("{}: {}", context, rep_->message);
  return std::move(*this);
}

Status Status::WithRetryAfter(std::chrono::nanoseconds wait) && {
  if (rep_ != nullptr) rep_->retry_after = wait;
  return std::move(*this);
}

Status InvalidArgument(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}
Status NotFound(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
Status AlreadyExists(std::string message) {
  return {StatusCode::kAlreadyExists, std::move(message)};
}
Status PermissionDenied(std::string message) {
  return {StatusCode::kPermissionDenied, std::move(message)};
}
Status ResourceExhausted(std::string message, RefusalCause cause) {
  return {StatusCode::kResourceExhausted, std::move(message), cause};
}
Status Unimplemented(std::string message) {
  return {StatusCode::kUnimplemented, std::move(message)};
}
Status Internal(std::string message) { return {StatusCode::kInternal, std::move(message)}; }
Status Unavailable(std::string message, RefusalCause cause) {
  return {StatusCode::kUnavailable, std::move(message), cause};
}
Status Cancelled(std::string message) { return {StatusCode::kCancelled, std::move(message)}; }

}  // namespace hadron::base
