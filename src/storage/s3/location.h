#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hadron::storage::s3 {

/// Where objects are, as a repository's URL says it. A value.
struct Location {
  std::string url;       ///< for messages
  std::string endpoint;  ///< "https://host:port"; "" = not said
  std::string bucket;
  std::string prefix;  ///< without '/' at its ends
};

/// s3://bucket/prefix, s3://host:port/bucket/prefix (plain HTTP), s3://http://host:port/bucket and
/// s3://https://host:port/bucket. INVALID_ARGUMENT names what is wrong and the right form.
base::StatusOr<Location> ParseLocation(std::string_view url);

/// True for names and addresses that do not leave this machine or a private network.
bool IsPrivateHost(std::string_view host);

enum class Addressing : std::uint8_t { kAuto, kPath, kVirtual };

/// Turns keys into URLs. A value.
class Address {
 public:
  /// `endpoint` of "" stands for AWS in the region. INVALID_ARGUMENT for a bad endpoint.
  static base::StatusOr<Address> Make(const Location& location, const std::string& endpoint,
                                      const std::string& region, Addressing addressing);

  bool tls() const { return tls_; }
  /// Without port.
  std::string_view host() const;
  const std::string& bucket() const { return bucket_; }
  /// The host is Amazon's, found from the region.
  bool from_region() const { return from_region_; }
  /// Value of the Host header: the port only where it is not the scheme's own.
  std::string HostHeader() const;
  /// Encoded path of a key; of the bucket when it is "".
  std::string Path(std::string_view key) const;
  std::string Url(std::string_view path, std::string_view query) const;

 private:
  bool tls_ = true;
  std::string authority_;  ///< host[:port]
  std::string bucket_;
  bool virtual_host_ = false;
  bool from_region_ = false;
};

}  // namespace hadron::storage::s3
