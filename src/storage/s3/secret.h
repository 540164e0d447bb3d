#pragma once

#include <openssl/crypto.h>

#include <string>
#include <utility>

namespace hadron::storage::s3 {

/// Text that is wiped when it goes and has no way into a log line by accident. A value.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { OPENSSL_cleanse(text_.data(), text_.size()); }

  const std::string& Reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

}  // namespace hadron::storage::s3
