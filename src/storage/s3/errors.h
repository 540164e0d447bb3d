#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"

namespace hadron::storage::s3 {

/// What is done about an answer that is an error.
enum class Treatment : std::uint8_t {
  kFinal,     ///< nothing helps
  kRetry,     ///< again, later
  kThrottle,  ///< again, later, and less at a time
  kSkew,      ///< again, with the server's time
  kExpired,   ///< again, with new credentials
  kRegion,    ///< again, signed for the region that the answer names
};

/// An answer that is an error.
struct ServiceError {
  int status = 0;
  std::string code;     ///< "NoSuchKey"; "" where the answer has none
  std::string message;  ///< the server's
  std::string region;   ///< that the bucket is in, if said
  std::string request_id;
  Treatment treatment = Treatment::kFinal;
};

/// Reads status, header and body (which may be no XML).
ServiceError ReadError(int status, const net::HttpHeaders& headers, std::string_view body);

/// Who asked what, for the message.
struct ErrorContext {
  std::string what;      ///< "reading s3://bucket/key"
  std::string endpoint;  ///< host and port
  std::string key_hint;  ///< end of the access key
};
/// Names what was asked, the answer and the remedy; no secret.
base::Status ToStatus(const ServiceError& error, const ErrorContext& context);

}  // namespace hadron::storage::s3
