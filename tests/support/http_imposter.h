#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hadron::test {

struct ImposterRequest {
  std::string method;
  std::string target;                          ///< as it came: path and query
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  std::string path() const { return target.substr(0, target.find('?')); }
  /// Raw value of a query parameter; "" when there is none.
  std::string query(const std::string& name) const;
  /// "" when there is none.
  std::string header(const std::string& name) const;
};

struct ImposterReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  /// Ends the connection by a reset after so many bytes of the body.
  std::size_t cut_after = std::string::npos;
  /// Sends no more after so many bytes of the body, until the client goes.
  std::size_t stall_after = std::string::npos;
  /// Ends the connection in order after so many bytes of the body, which is too early.
  std::size_t truncate_after = std::string::npos;
};

/// An HTTP server on a free port of the loopback that answers whatever its script says, faults
/// included. The script is called by one thread for each connection, one call at a time.
///
///     HttpImposter imposter([](const ImposterRequest&) { return ImposterReply{.status = 503}; });
///     client.Get(imposter.url() + "/x");
class HttpImposter {
 public:
  using Script = std::function<ImposterReply(const ImposterRequest&)>;

  explicit HttpImposter(Script script);
  ~HttpImposter();
  HttpImposter(const HttpImposter&) = delete;
  HttpImposter& operator=(const HttpImposter&) = delete;

  std::uint16_t port() const;
  /// "http://127.0.0.1:<port>".
  std::string url() const;
  /// Connections accepted up to now.
  std::size_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::test
