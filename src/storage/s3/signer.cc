#include "storage/s3/signer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "base/sha256.h"

namespace hadron::storage::s3 {
namespace {

constexpr std::int64_t kSkewMs = 300'000;

std::string PayloadHash(const base::IoBuf& body) {
  base::Sha256 hash;
  for (const auto& slice : body.slices()) hash.Update(slice.bytes);
  return base::ToHex(hash.Finish());
}

std::optional<std::int64_t> DateOf(const net::HttpHeaders& headers) {
  const auto date = headers.Find("Date");
  return date ? ParseHttpTime(std::string(*date)) : std::nullopt;
}

}  // namespace

Signer::Signer(Location location, const Settings& settings, const base::Clock& clock)
    : location_(std::move(location)),
      endpoint_(settings.endpoint),
      addressing_(settings.addressing),
      clock_(clock),
      credentials_(settings.credentials, clock),
      region_(settings.region) {}

base::Status Signer::Open() {
  const base::MutexLock lock(mutex_);
  HADRON_ASSIGN_OR_RETURN(Address address,
                          Address::Make(location_, endpoint_, region_, addressing_));
  address_ = std::make_unique<const Address>(std::move(address));
  return {};
}

Address Signer::address() const {
  const base::MutexLock lock(mutex_);
  return *address_;
}

base::Status Signer::CheckTransport(const Address& at, const Credentials& credentials) const {
  if (at.tls() || credentials.session_token.empty() || IsPrivateHost(at.host())) return {};
  return base::PermissionDenied(
      fmt::format("{}: a session token does not go over plain HTTP to {}; use https", location_.url,
                  at.HostHeader()));
}

base::StatusOr<net::HttpTransfers::Request> Signer::Sign(const Operation& operation,
                                                         const Credentials& credentials) const {
  const Address at = address();
  HADRON_RETURN_IF_ERROR(CheckTransport(at, credentials));
  SigningInput input;
  input.method = operation.method;
  input.path = at.Path(operation.key);
  input.query = CanonicalQuery(operation.query);
  net::HttpTransfers::Request request;
  request.method = operation.method;
  request.url = at.Url(input.path, input.query);
  request.headers = operation.headers;
  request.body = operation.body;
  if (credentials.access_key.empty()) return request;
  SigningScope scope;
  scope.time = SigningTime(clock_.WallMs() + clock_offset_ms_.load());
  {
    const base::MutexLock lock(mutex_);
    scope.region = region_;
  }
  input.payload_hash = PayloadHash(operation.body);
  request.headers.emplace_back("x-amz-date", scope.time);
  request.headers.emplace_back("x-amz-content-sha256", input.payload_hash);
  if (!credentials.session_token.empty()) {
    request.headers.emplace_back("x-amz-security-token", credentials.session_token.Reveal());
  }
  request.headers.emplace_back("Host", at.HostHeader());
  input.headers = request.headers;
  request.headers.emplace_back(
      "Authorization", Authorization(input, credentials.access_key, credentials.secret_key, scope));
  return request;
}

bool Signer::IsSkewed(const net::HttpHeaders& headers) const {
  const auto server = DateOf(headers);
  return server && std::abs(*server - clock_.WallMs() - clock_offset_ms_.load()) > kSkewMs;
}

bool Signer::CorrectClock(const net::HttpHeaders& headers) {
  const auto server = DateOf(headers);
  if (!server) return false;
  const std::int64_t offset = *server - clock_.WallMs();
  base::LogWarning("the clock of this machine and the object store's differ",
                   {{"repository", location_.url}, {"seconds", offset / 1000}});
  clock_offset_ms_.store(offset);
  return true;
}

base::Status Signer::CorrectRegion(const std::string& region) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (region.empty() || region.size() > 64 || !std::ranges::all_of(region, plain)) {
    return base::InvalidArgument("the answer names no region");
  }
  {
    const base::MutexLock lock(mutex_);
    region_ = region;
  }
  return Open();  // where the endpoint was given, requests stay with it: credentials go nowhere
                  // else
}

}  // namespace hadron::storage::s3
