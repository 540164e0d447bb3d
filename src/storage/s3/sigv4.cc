#include "storage/s3/sigv4.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "base/bytes.h"
#include "base/check.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "net/url.h"

namespace hadron::storage::s3 {
namespace {

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

Secret Hmac(const Secret& key, std::string_view text) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  const std::string& raw = key.Reveal();
  HADRON_CHECK(HMAC(EVP_sha256(), raw.data(), static_cast<int>(raw.size()),
                    reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                    reinterpret_cast<unsigned char*>(out.data()), &size) != nullptr);
  out.resize(size);
  return Secret(std::move(out));
}

/// Both ends trimmed, runs of spaces collapsed to one.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  for (const char c : base::Trim(value)) {
    if (c == ' ' && out.ends_with(' ')) continue;
    out += c;
  }
  return out;
}

/// Names in lower case; the values of one name joined in the order sent.
std::map<std::string, std::string> CanonicalHeaders(const Pairs& headers) {
  std::map<std::string, std::string> canonical;
  for (const auto& [name, value] : headers) {
    const auto [at, is_new] = canonical.try_emplace(base::ToLower(name), CanonicalValue(value));
    if (!is_new) at->second += "," + CanonicalValue(value);
  }
  return canonical;
}

std::string SignedHeaders(const Pairs& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : CanonicalHeaders(headers)) names.push_back(name);
  return base::Join(names, ";");
}

std::string ScopeText(const SigningScope& scope) {
  return fmt::format("{}/{}/{}/aws4_request", scope.time.substr(0, 8), scope.region, scope.service);
}

}  // namespace

std::string UriEncode(std::string_view text, bool keep_slash) {
  if (!keep_slash) return net::PercentEncode(text);
  std::vector<std::string> parts = base::Split(text, '/');
  for (std::string& part : parts) part = net::PercentEncode(part);
  return base::Join(parts, "/");
}

std::string CanonicalQuery(const Pairs& query) {
  Pairs encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(UriEncode(name, false), UriEncode(value, false));
  }
  std::ranges::sort(encoded);
  std::vector<std::string> items;
  for (const auto& [name, value] : encoded) items.push_back(name + "=" + value);
  return base::Join(items, "&");
}

std::string CanonicalRequest(const SigningInput& input) {
  std::string headers;
  for (const auto& [name, value] : CanonicalHeaders(input.headers)) {
    headers += fmt::format("{}:{}\n", name, value);
  }
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", input.method, input.path, input.query, headers,
                     SignedHeaders(input.headers), input.payload_hash);
}

std::string Signature(const SigningInput& input, const Secret& key, const SigningScope& scope) {
  const auto hash = base::Sha256::Of(base::AsBytes(std::string_view(CanonicalRequest(input))));
  const std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", scope.time, ScopeText(scope), base::ToHex(hash));
  const Secret date = Hmac(Secret("AWS4" + key.Reveal()), scope.time.substr(0, 8));
  const Secret service = Hmac(Hmac(date, scope.region), scope.service);
  return Hex(Hmac(Hmac(service, "aws4_request"), text).Reveal());
}

std::string Authorization(const SigningInput& input, std::string_view access_key, const Secret& key,
                          const SigningScope& scope) {
  return fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                     access_key, ScopeText(scope), SignedHeaders(input.headers),
                     Signature(input, key, scope));
}

std::string SigningTime(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(seconds));
}

}  // namespace hadron::storage::s3
