#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/s3/secret.h"

/// AWS Signature Version 4. Pure functions; the strings that they make canonical are those that go
/// on the wire.
namespace hadron::storage::s3 {

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// Every byte but A-Z a-z 0-9 - . _ ~ (and '/', if kept) as %XX.
std::string UriEncode(std::string_view text, bool keep_slash);

/// Encoded and sorted "name=value&...".
std::string CanonicalQuery(const Pairs& query);

struct SigningInput {
  std::string method;
  std::string path;   ///< as sent: encoded, begins with '/'
  std::string query;  ///< as sent: CanonicalQuery
  Pairs headers;      ///< those that are signed, in the order sent
  std::string payload_hash;
};

struct SigningScope {
  std::string time;  ///< "20130524T000000Z"
  std::string region;
  std::string service = "s3";
};

std::string CanonicalRequest(const SigningInput& input);
/// 64 hexadecimal digits.
std::string Signature(const SigningInput& input, const Secret& key, const SigningScope& scope);
/// Value of the Authorization header.
std::string Authorization(const SigningInput& input, std::string_view access_key, const Secret& key,
                          const SigningScope& scope);

/// "20130524T000000Z" of milliseconds since the epoch.
std::string SigningTime(std::int64_t wall_ms);

}  // namespace hadron::storage::s3
