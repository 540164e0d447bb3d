#include "bench/origin_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/strings.h"

namespace hadron::bench {

using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kChunk = 64UL << 10U;
constexpr int kBacklog = 256;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

OriginRequest Parse(std::string_view head) {
  OriginRequest request;
  const std::string_view line = head.substr(0, head.find("\r\n"));
  request.method = line.substr(0, line.find(' '));
  std::string_view target = line.substr(std::min(line.size(), request.method.size() + 1));
  target = target.substr(0, target.find(' '));
  request.path = target.substr(0, target.find('?'));
  if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    std::string_view field = head.substr(at + 2);
    field = field.substr(0, field.find("\r\n"));
    const std::size_t colon = field.find(':');
    if (colon == field.npos) continue;
    request.headers[base::ToLower(field.substr(0, colon))] = base::Trim(field.substr(colon + 1));
  }
  return request;
}

}  // namespace

void Throttle::Pass(std::size_t bytes, double bytes_per_s) {
  if (bytes_per_s <= 0) return;
  const std::chrono::duration<double> time(static_cast<double>(bytes) / bytes_per_s);
  Clock::time_point turn;
  {
    const std::lock_guard lock(mutex_);
    free_ = std::max(free_, Clock::now()) + std::chrono::duration_cast<Clock::duration>(time);
    turn = free_;
  }
  std::this_thread::sleep_until(turn);
}

/// What one thread does for one client.
class OriginServer::Connection {
 public:
  Connection(int fd, OriginServer& server) : fd_(fd), server_(server) {}

  std::optional<OriginRequest> Read() {
    std::size_t end = buffer_.find(kEndOfHead);
    while (end == std::string::npos) {
      char bytes[8192];
      const ssize_t got = recv(fd_, bytes, sizeof(bytes), 0);
      if (got <= 0) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(got));
      end = buffer_.find(kEndOfHead);
    }
    OriginRequest request = Parse(std::string_view(buffer_).substr(0, end));
    buffer_.erase(0, end + kEndOfHead.size());
    return request;
  }

  /// False when the connection is not to be used again.
  bool Write(const OriginRequest& request, const OriginReply& reply) {
    std::this_thread::sleep_for(reply.delay);
    std::string head = fmt::format("HTTP/1.1 {} Origin\r\n", reply.status);
    for (const auto& [name, value] : reply.headers) head += fmt::format("{}: {}\r\n", name, value);
    head += fmt::format("Content-Length: {}\r\n\r\n", reply.body.size());
    if (!SendAll(fd_, head)) return false;
    if (request.method == "HEAD") return true;
    const bool whole = reply.end == OriginReply::End::kWhole;
    if (!Body(reply.body.substr(0, whole ? reply.body.size() : reply.body.size() / 2),
              reply.bytes_per_s)) {
      return false;
    }
    if (reply.end == OriginReply::End::kReset) {
      const linger now{1, 0};
      setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    char ignored[1];
    if (reply.end == OriginReply::End::kStalled) recv(fd_, ignored, sizeof(ignored), 0);
    return whole;
  }

 private:
  bool Body(std::string_view body, double bytes_per_s) {
    while (!body.empty()) {
      const std::string_view chunk = body.substr(0, kChunk);
      throttle_.Pass(chunk.size(), bytes_per_s);
      server_.throttle_.Pass(chunk.size(), server_.bytes_per_s_);
      if (!SendAll(fd_, chunk)) return false;
      body.remove_prefix(chunk.size());
    }
    return true;
  }

  const int fd_;
  OriginServer& server_;
  Throttle throttle_;
  std::string buffer_;
};

OriginServer::OriginServer(Answer answer) : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  HADRON_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&at), size) == 0 &&
               listen(listener_, kBacklog) == 0 &&
               getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  port_ = ntohs(at.sin_port);
  acceptor_ = std::jthread([this] { Accept(); });
}

OriginServer::~OriginServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  threads_.clear();
  close(listener_);
}

void OriginServer::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.insert(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void OriginServer::Serve(int fd) {
  Connection connection(fd, *this);
  while (!stopping_) {
    const auto request = connection.Read();
    if (!request || !connection.Write(*request, answer_(*request))) break;
  }
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
  close(fd);
}

}  // namespace hadron::bench
