#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace hadron::base {

/// The kind of a failure. The numbers are gRPC's; one table in `protocol` maps them to HTTP.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

/// Why a request that was well formed is refused; the accounts count refusals by cause.
enum class RefusalCause : std::uint8_t { kNone, kQueue, kDeadline, kQuota, kMemory, kDraining };

/// Name of a code as in logs: "INVALID_ARGUMENT".
std::string_view StatusCodeName(StatusCode code);

/// Outcome of an operation: OK, or a code with a message that names the thing, the place and the
/// remedy. One pointer in size, null when OK. Move-only: copying a failure is spelled `Clone()`.
/// Thread rule: a value; externally synchronised.
///
///     Status s = LoadModel(path);
///     if (!s.ok()) return std::move(s).With("loading model 'x'");
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message, RefusalCause cause = RefusalCause::kNone);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  ~Status() = default;

  bool ok() const { return rep_ == nullptr; }
  StatusCode code() const { return rep_ == nullptr ? StatusCode::kOk : rep_->code; }
  RefusalCause cause() const { return rep_ == nullptr ? RefusalCause::kNone : rep_->cause; }
  /// Empty when OK.
  const std::string& message() const;
  /// "OK" or "NOT_FOUND: text".
  std::string ToString() const;

  Status Clone() const;
  /// Puts "context: " before the message; OK stays OK.
  Status With(std::string_view context) &&;
  /// When it makes sense to ask again, where that is known; OK stays OK.
  Status WithRetryAfter(std::chrono::nanoseconds wait) &&;
  std::optional<std::chrono::nanoseconds> retry_after() const {
    return rep_ == nullptr ? std::nullopt : rep_->retry_after;
  }

 private:
  struct Rep {
    StatusCode code;
    RefusalCause cause;
    std::string message;
    std::optional<std::chrono::nanoseconds> retry_after = {};
  };
  std::unique_ptr<Rep> rep_;
};

inline Status OkStatus() { return {}; }
Status InvalidArgument(std::string message);
Status NotFound(std::string message);
Status AlreadyExists(std::string message);
Status PermissionDenied(std::string message);
Status ResourceExhausted(std::string message, RefusalCause cause = RefusalCause::kMemory);
Status Unimplemented(std::string message);
Status Internal(std::string message);
Status Unavailable(std::string message, RefusalCause cause = RefusalCause::kNone);
Status Cancelled(std::string message);

/// A value or the reason there is none. Reading the value of a failure aborts.
template <typename T>
class [[nodiscard]] StatusOr {
 public:
  StatusOr(Status status) : state_(std::move(status)) {  // NOLINT: implicit by design
    HADRON_CHECK(!std::get<Status>(state_).ok());
  }
  template <typename U = T>
  requires std::is_convertible_v<U&&, T> &&
      (!std::is_same_v<std::decay_t<U>, Status>)&&(!std::is_same_v<std::decay_t<U>, StatusOr<T>>)
          StatusOr(U&& value)  // NOLINT: constrained, and implicit by design
      : state_(std::in_place_type<T>, std::forward<U>(value)) {}  // NOLINT

  bool ok() const { return std::holds_alternative<T>(state_); }
  /// OK status when there is a value; a reference to the failure otherwise.
  Status status() && { return ok() ? Status() : std::move(std::get<Status>(state_)); }
  Status CloneStatus() const { return ok() ? Status() : std::get<Status>(state_).Clone(); }
  const std::string& message() const {
    HADRON_CHECK(!ok());
    return std::get<Status>(state_).message();
  }
  StatusCode code() const { return ok() ? StatusCode::kOk : std::get<Status>(state_).code(); }

  T& value() & {
    HADRON_CHECK(ok());
    return std::get<T>(state_);
  }
  const T& value() const& {
    HADRON_CHECK(ok());
    return std::get<T>(state_);
  }
  T value() && {
    HADRON_CHECK(ok());
    return std::move(std::get<T>(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<Status, T> state_;
};

}  // namespace hadron::base

#define HADRON_CONCAT_INNER(a, b) a##b
#define HADRON_CONCAT(a, b) HADRON_CONCAT_INNER(a, b)

/// Returns the failure of `expr` (a Status) from the enclosing function.
#define HADRON_RETURN_IF_ERROR(expr)                \
  do {                                              \
    ::hadron::base::Status hadron_status_ = (expr); \
    if (!hadron_status_.ok()) [[unlikely]]          \
      return hadron_status_;                        \
  } while (false)

/// `HADRON_ASSIGN_OR_RETURN(auto x, MakeX());` declares x, or returns MakeX's failure.
#define HADRON_ASSIGN_OR_RETURN(lhs, expr) \
  HADRON_ASSIGN_OR_RETURN_INNER(HADRON_CONCAT(hadron_or_, __LINE__), lhs, expr)
#define HADRON_ASSIGN_OR_RETURN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) [[unlikely]]                         \
    return std::move(tmp).status();                   \
  lhs = std::move(tmp).value()
