#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "net/http_message.h"

namespace hadron::net {

struct HttpClientRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  base::IoBuf body;
  std::chrono::milliseconds timeout{60'000};
};

struct HttpClientResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
};

/// One connection's worth of HTTP for tools and the client library: a call blocks until the whole
/// answer has come; the connection is kept for the next call. Every status is an answer; failures
/// are UNAVAILABLE (no connection, timeout) and INVALID_ARGUMENT (bad URL). Externally
/// synchronised.
///
///     BlockingHttpClient client;
///     HADRON_ASSIGN_OR_RETURN(auto answer, client.Send({.url = "http://localhost:8000/v2"}));
class BlockingHttpClient {
 public:
  BlockingHttpClient();
  ~BlockingHttpClient();
  BlockingHttpClient(const BlockingHttpClient&) = delete;
  BlockingHttpClient& operator=(const BlockingHttpClient&) = delete;

  base::StatusOr<HttpClientResponse> Send(const HttpClientRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::net
