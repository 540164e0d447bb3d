#pragma once

#include <optional>
#include <string_view>

#include "net/http_message.h"
#include "protocol/access_rules.h"

namespace hadron::protocol {

/// The fields of an HTTP request as the rules of both protocols see them.
class RequestHeaders final : public CallHeaders {
 public:
  explicit RequestHeaders(const net::HttpHeaders& headers) : headers_(headers) {}
  std::optional<std::string_view> Find(std::string_view name) const override {
    return headers_.Find(name);
  }

 private:
  const net::HttpHeaders& headers_;
};

}  // namespace hadron::protocol
