#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_function.h"
#include "net/http_message.h"

namespace hadron::net {

/// Push parser of one request after the other: bytes in, header out; bodies of known length bypass
/// it. Wraps Beast's grammar, which is strict where proxies and servers must agree on message ends.
/// Externally synchronised.
class RequestParser {
 public:
  struct Limits {
    std::size_t header_bytes = 64 * 1024;
    std::size_t header_fields = 256;
    std::size_t chunks = 65536;  ///< non-empty chunks of one body
  };
  enum class Progress : std::uint8_t {
    kNeedMore,    ///< nothing more can be made of these bytes; keep those not consumed
    kHeaderDone,  ///< header() is complete
    kDone,        ///< the chunked body is complete
    kFailed,      ///< error() says why
  };
  struct Step {
    Progress progress;
    std::size_t consumed;
  };
  struct Header {
    std::string method;
    std::string target;
    HttpHeaders fields;
    bool http11 = false;
    bool keep_alive = false;
    bool chunked = false;
    bool expects_continue = false;
    std::uint64_t content_length = 0;
  };
  struct Error {
    int status = 400;
    std::string message;
  };
  /// Takes a piece of a chunked body; false ends parsing (the sink knows why).
  using BodySink = base::UniqueFunction<bool(std::span<const std::byte>)>;

  explicit RequestParser(Limits limits);
  ~RequestParser();

  /// Forgets the request; the next byte begins a new one.
  void Reset();
  /// Parses up to the end of the header.
  Step ParseHeader(std::span<const std::byte> bytes);
  /// Parses a chunked body, handing its bytes to `sink`.
  Step ParseChunks(std::span<const std::byte> bytes, BodySink& sink);

  Header& header();
  const Error& error() const { return error_; }
  /// True once a byte of the current request has been seen.
  bool started() const { return started_; }

 private:
  class Grammar;
  Step Put(std::span<const std::byte> bytes, Progress when_ok);

  const Limits limits_;
  std::unique_ptr<Grammar> grammar_;
  Error error_;
  bool started_ = false;
};

}  // namespace hadron::net
