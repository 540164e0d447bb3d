#include "support/http_imposter.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace hadron::test {
namespace {

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Reset(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/// Waits until the peer, or the imposter's end, closes.
void WaitForEnd(int fd) {
  char ignored[4096];
  while (::recv(fd, ignored, sizeof(ignored), 0) > 0) {
  }
}

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  std::optional<ImposterRequest> Read() {
    while (buffer_.find("\r\n\r\n") == std::string::npos) {
      if (!Fill()) return std::nullopt;
    }
    ImposterRequest request;
    const std::size_t end = buffer_.find("\r\n\r\n");
    const std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    const std::size_t first = head.find(' ');
    request.method = head.substr(0, first);
    request.target = head.substr(first + 1, head.find(' ', first + 1) - first - 1);
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t stop = head.find("\r\n", at);
      const std::size_t colon = head.find(':', at);
      std::size_t value = colon + 1;
      while (value < stop && head[value] == ' ') ++value;
      request.headers[Lower(head.substr(at, colon - at))] = head.substr(value, stop - value);
      at = stop + 2;
    }
    const auto length = std::strtoull(request.header("content-length").c_str(), nullptr, 10);
    while (buffer_.size() < length) {
      if (!Fill()) return std::nullopt;
    }
    request.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return request;
  }

  /// False when the connection is not to be used again.
  bool Write(const ImposterRequest& request, const ImposterReply& reply) {
    const bool claimed = std::ranges::any_of(
        reply.headers, [](const auto& h) { return Lower(h.first) == "content-length"; });
    std::string head = fmt::format("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (const auto& [name, value] : reply.headers) head += fmt::format("{}: {}\r\n", name, value);
    const bool bodiless = request.method == "HEAD" || reply.status == 304 || reply.status == 204;
    if (!claimed && reply.status != 204) {
      head += fmt::format("Content-Length: {}\r\n", reply.body.size());
    }
    if (!SendAll(fd_, head + "\r\n")) return false;
    if (bodiless) return true;
    const std::size_t stop =
        std::min({reply.cut_after, reply.stall_after, reply.truncate_after, reply.body.size()});
    if (!SendAll(fd_, std::string_view(reply.body).substr(0, stop))) return false;
    if (reply.stall_after != std::string::npos) WaitForEnd(fd_);
    if (reply.cut_after != std::string::npos) Reset(fd_);
    return std::min({reply.cut_after, reply.stall_after, reply.truncate_after}) ==
           std::string::npos;
  }

 private:
  bool Fill() {
    char bytes[65536];
    const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  const int fd_;
  std::string buffer_;
};

}  // namespace

std::string ImposterRequest::query(const std::string& name) const {
  std::size_t at = target.find('?');
  while (at != std::string::npos) {
    const std::size_t end = target.find('&', at + 1);
    const std::string item = target.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (item.substr(0, item.find('=')) == name) {
      return item.find('=') == std::string::npos ? "" : item.substr(item.find('=') + 1);
    }
    at = end;
  }
  return "";
}

std::string ImposterRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

struct HttpImposter::Impl {
  explicit Impl(Script given) : script(std::move(given)) {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    const bool listening = ::bind(listener, reinterpret_cast<sockaddr*>(&at), size) == 0 &&
                           ::listen(listener, 64) == 0 &&
                           ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) == 0;
    if (!listening) std::abort();
    port = ntohs(at.sin_port);
    acceptor = std::jthread([this] { Accept(); });
  }

  ~Impl() {
    stopping = true;
    ::shutdown(listener, SHUT_RDWR);
    acceptor.join();
    {
      const std::lock_guard lock(mutex);
      for (const int fd : open) ::shutdown(fd, SHUT_RDWR);
    }
    threads.clear();
    ::close(listener);
  }

  void Accept() {
    while (true) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      ++connections;
      const std::lock_guard lock(mutex);
      open.insert(fd);
      threads.emplace_back([this, fd] { Serve(fd); });
    }
  }

  void Serve(int fd) {
    Connection connection(fd);
    while (!stopping) {
      const auto request = connection.Read();
      if (!request) break;
      ImposterReply reply;
      {
        const std::lock_guard lock(script_mutex);
        reply = script(*request);
      }
      if (!connection.Write(*request, reply)) break;
    }
    const std::lock_guard lock(mutex);
    open.erase(fd);
    ::close(fd);
  }

  const Script script;
  int listener = -1;
  std::uint16_t port = 0;
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> connections{0};
  std::mutex script_mutex;
  std::mutex mutex;
  std::set<int> open;
  std::vector<std::jthread> threads;
  std::jthread acceptor;
};

HttpImposter::HttpImposter(Script script) : impl_(std::make_unique<Impl>(std::move(script))) {}
HttpImposter::~HttpImposter() = default;
std::uint16_t HttpImposter::port() const { return impl_->port; }
std::string HttpImposter::url() const { return fmt::format("http://127.0.0.1:{}", impl_->port); }
std::size_t HttpImposter::connections() const { return impl_->connections; }

}  // namespace hadron::test
