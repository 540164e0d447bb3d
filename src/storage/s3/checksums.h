#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "base/status.h"
#include "net/http_message.h"

namespace hadron::storage::s3 {

/// Takes an object's bytes in their order and compares them with everything that the answer's
/// header says about the whole object. Externally synchronised.
class ContentCheck {
 public:
  ContentCheck();
  ~ContentCheck();

  /// `etag` is compared where it looks like an MD5; "" = not.
  void Expect(const net::HttpHeaders& headers, std::string_view etag);
  /// The content's SHA-256 is wanted although nothing is compared with it.
  void WantSha256() { want_sha256_ = true; }
  /// There is something to compare or to compute.
  bool needed() const { return want_sha256_ || !sums_.empty(); }
  void Update(std::span<const std::byte> bytes);
  /// UNAVAILABLE names the sum that does not fit. Ends the object's use.
  base::Status Finish();
  /// After Finish, if it was wanted.
  const base::Sha256Digest& sha256() const { return digest_; }

  class Sum;

 private:
  struct Expected {
    std::string name;
    std::string value;  ///< raw bytes
    std::unique_ptr<Sum> sum;
  };
  void Add(std::string name, std::string value);
  bool Shared(const Expected& one) const { return want_sha256_ && one.name == "sha256"; }

  bool want_sha256_ = false;
  base::Sha256 sha256_;
  base::Sha256Digest digest_{};
  std::vector<Expected> sums_;
};

}  // namespace hadron::storage::s3
