#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/s3/secret.h"

namespace hadron::storage::s3 {

/// What requests are signed with. Immutable.
struct Credentials {
  std::string access_key;  ///< empty: requests are not signed
  Secret secret_key;
  Secret session_token;
  std::optional<std::int64_t> expires_ms;  ///< since the epoch

  /// What may be shown of the access key: its last four characters.
  std::string Hint() const;
};

/// Milliseconds since the epoch of "2026-01-31T12:00:00Z", fractions of seconds allowed.
std::optional<std::int64_t> ParseIsoTime(std::string_view text);
/// The same of "Sat, 31 Jan 2026 12:00:00 GMT".
std::optional<std::int64_t> ParseHttpTime(const std::string& text);

}  // namespace hadron::storage::s3
