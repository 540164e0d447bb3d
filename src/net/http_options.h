#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hadron::net {

/// Where an HttpServer listens and what it puts up with.
struct HttpServerOptions {
  std::string address =
      "0.0.0.0";           ///< IPv4 or IPv6 literal, brackets allowed; "::" is both families
  std::uint16_t port = 0;  ///< 0 = any free one
  bool reuse_port = false;
  std::string option = "--http";  ///< prefix of the options that messages name
  std::string thread_name = "io";
  unsigned threads = 1;
  std::size_t max_connections = 10000;  ///< beyond it the kernel's queue holds them
  std::chrono::milliseconds idle_timeout{600'000};
  std::chrono::milliseconds header_timeout{15'000};
  std::chrono::milliseconds body_timeout{30'000};  ///< for every 64 KiB of progress
  std::chrono::milliseconds linger_timeout{2'000};
  std::size_t max_header_bytes = 64 * 1024;
  std::size_t max_header_fields = 256;
  std::size_t max_chunks = 65536;
  std::uint64_t max_body_bytes = 2147483647;  ///< --http-max-request-size
};

}  // namespace hadron::net
