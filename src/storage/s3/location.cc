#include "storage/s3/location.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "storage/s3/sigv4.h"

namespace hadron::storage::s3 {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::string_view kForms =
    "use s3://bucket/prefix or s3://https://host:port/bucket/prefix";

bool IsDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool IsHostChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.';
}

/// "host:port" with a port that fits.
bool IsAuthority(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view port = text.substr(colon + 1);
  return std::ranges::all_of(text.substr(0, colon), IsHostChar) && IsDigits(port) &&
         port.size() <= 5 && *base::ParseUint64(port) <= 65535;
}

bool IsBucket(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
         });
}

std::string_view TrimSlashes(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

base::Status Bad(std::string_view url, std::string_view what) {
  return base::InvalidArgument(fmt::format("'{}': {}; {}", base::EscapeControl(url), what, kForms));
}

/// 10.x, 127.x, 192.168.x, 172.16-31.x, 169.254.x
bool IsPrivateAddress(std::string_view host) {
  const std::vector<std::string> parts = base::Split(host, '.');
  if (parts.size() != 4 || !std::ranges::all_of(parts, IsDigits)) return false;
  const auto second = base::ParseUint64(parts[1]).value_or(0);
  return parts[0] == "127" || parts[0] == "10" || (parts[0] == "192" && second == 168) ||
         (parts[0] == "172" && second >= 16 && second <= 31) ||
         (parts[0] == "169" && second == 254);
}

}  // namespace

base::StatusOr<Location> ParseLocation(std::string_view url) {
  if (!url.starts_with(kScheme)) return Bad(url, "not an s3:// URL");
  std::string_view rest = url.substr(kScheme.size());
  Location location;
  location.url = url;
  std::string scheme = "http";  // of host:port without one, as tritonserver has it
  bool explicit_scheme = false;
  for (const char* name : {"http", "https"}) {
    const std::string prefix = fmt::format("{}://", name);
    if (!rest.starts_with(prefix)) continue;
    rest.remove_prefix(prefix.size());
    scheme = name;
    explicit_scheme = true;
  }
  const std::string_view first = rest.substr(0, rest.find('/'));
  if (IsAuthority(first)) {
    location.endpoint = fmt::format("{}://{}", scheme, first);
    rest.remove_prefix(std::min(rest.size(), first.size() + 1));
  } else if (explicit_scheme || first.find(':') != std::string_view::npos) {
    return Bad(url, "a host must be followed by its port");
  }
  const std::size_t slash = rest.find('/');
  location.bucket = rest.substr(0, slash);
  if (slash != std::string_view::npos) location.prefix = TrimSlashes(rest.substr(slash));
  if (!IsBucket(location.bucket)) {
    return Bad(url,
               fmt::format("'{}' is no name of a bucket", base::EscapeControl(location.bucket)));
  }
  while (location.url.ends_with('/')) location.url.pop_back();
  return location;
}

bool IsPrivateHost(std::string_view host) {
  if (IsPrivateAddress(host)) return true;
  constexpr std::array<std::string_view, 4> kSuffixes = {".local", ".internal", ".localhost",
                                                         ".svc"};
  return host.find('.') == std::string_view::npos ||
         std::ranges::any_of(kSuffixes, [&](auto suffix) { return host.ends_with(suffix); });
}

base::StatusOr<Address> Address::Make(const Location& location, const std::string& endpoint,
                                      const std::string& region, Addressing addressing) {
  Address address;
  address.bucket_ = location.bucket;
  const bool dns_safe = location.bucket.find('.') == std::string::npos;
  address.from_region_ = endpoint.empty();
  if (endpoint.empty()) {
    address.authority_ =
        fmt::format("s3.{}.amazonaws.com{}", region, region.starts_with("cn-") ? ".cn" : "");
  } else {
    const std::size_t at = endpoint.find("://");
    const std::string scheme = endpoint.substr(0, at);
    std::string_view rest = std::string_view(endpoint).substr(at == std::string::npos ? 0 : at + 3);
    rest = TrimSlashes(rest);
    const std::string_view host = rest.substr(0, rest.find(':'));
    const bool good = (scheme == "http" || scheme == "https") && !host.empty() &&
                      std::ranges::all_of(host, IsHostChar) &&
                      (host.size() == rest.size() || IsAuthority(rest));
    if (at == std::string::npos || !good) {
      return base::InvalidArgument(fmt::format(
          "'{}' is no endpoint of an object store: expected http[s]://host[:port] without a path",
          base::EscapeControl(endpoint)));
    }
    address.tls_ = scheme == "https";
    address.authority_ = rest;
  }
  address.virtual_host_ = addressing == Addressing::kVirtual ||
                          (addressing == Addressing::kAuto && endpoint.empty() && dns_safe);
  return address;
}

std::string_view Address::host() const {
  return std::string_view(authority_).substr(0, authority_.find(':'));
}

std::string Address::HostHeader() const {
  std::string authority = authority_;
  const std::string_view own_port = tls_ ? ":443" : ":80";
  if (authority.ends_with(own_port)) authority.resize(authority.size() - own_port.size());
  return virtual_host_ ? fmt::format("{}.{}", bucket_, authority) : authority;
}

std::string Address::Path(std::string_view key) const {
  std::string path = virtual_host_ ? "" : "/" + bucket_;
  if (!key.empty() || path.empty()) path += "/" + UriEncode(key, true);
  return path;
}

std::string Address::Url(std::string_view path, std::string_view query) const {
  return fmt::format("{}://{}{}{}{}{}", tls_ ? "https" : "http", virtual_host_ ? bucket_ + "." : "",
                     authority_, path, query.empty() ? "" : "?", query);
}

}  // namespace hadron::storage::s3
