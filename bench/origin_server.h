#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hadron::bench {

struct OriginRequest {
  std::string method;
  std::string path;                            ///< as it came
  std::string query;                           ///< as it came
  std::map<std::string, std::string> headers;  ///< names in lower case
};

struct OriginReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::shared_ptr<const std::string> owner = {};  ///< of the body
  std::string_view body = {};
  std::chrono::milliseconds delay{0};
  double bytes_per_s = 0;  ///< of this connection; 0 = no limit
  enum class End : std::uint8_t { kWhole, kReset, kClosed, kStalled };
  End end = End::kWhole;  ///< all others: after half of the body
};

/// Lets bytes through at a rate. Thread-safe.
class Throttle {
 public:
  /// Waits for the turn of `bytes`; no limit for 0 bytes a second.
  void Pass(std::size_t bytes, double bytes_per_s);

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point free_;
};

/// A small HTTP/1.1 server on a free port of the loopback with a thread for each connection, which
/// sends bodies from where they lie. Bodies of requests are not read. `answer` is called by many
/// threads.
class OriginServer {
 public:
  using Answer = std::function<OriginReply(const OriginRequest&)>;

  explicit OriginServer(Answer answer);
  ~OriginServer();
  OriginServer(const OriginServer&) = delete;
  OriginServer& operator=(const OriginServer&) = delete;

  std::uint16_t port() const { return port_; }
  /// Of all connections together; 0 = no limit.
  void set_bytes_per_s(double bytes_per_s) { bytes_per_s_ = bytes_per_s; }
  std::size_t connections() const { return connections_; }

 private:
  class Connection;

  void Accept();
  void Serve(int fd);

  const Answer answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<double> bytes_per_s_{0};
  Throttle throttle_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::set<int> open_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

}  // namespace hadron::bench
