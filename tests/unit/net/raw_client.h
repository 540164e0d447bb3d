#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

/// A client that sends exactly the bytes it is told: for everything a well-behaved one never does.
namespace hadron::net {

struct RawResponse {
  int status = 0;  ///< 0 = none came
  std::string head;
  std::string body;
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void FinishSending() { ::shutdown(fd_, SHUT_WR); }
  /// Ends the connection with a reset instead of an orderly end.
  void Reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    Close();
  }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  /// The next final response; status 0 when the connection ended or nothing came in time.
  RawResponse Read() {
    for (;;) {
      RawResponse response = ReadOne();
      if (response.status != 100) return response;
      ++interim_;
    }
  }
  /// Reads one interim (100) response.
  bool WaitForInterim() { return ReadOne().status == 100; }
  /// Interim (100) responses skipped by Read so far.
  int interim() const { return interim_; }
  /// True when the server ends the connection in time.
  bool AtEnd() { return buffer_.empty() && !Fill() && ended_; }
  bool SendAndClose(std::string_view bytes) {
    const bool sent = Send(bytes);
    Close();
    return sent;
  }

 private:
  bool Fill() {
    constexpr int kPatienceMs = 10'000;
    pollfd query{fd_, POLLIN, 0};
    if (::poll(&query, 1, kPatienceMs) <= 0) return false;
    char bytes[65536];
    const ssize_t n = ::recv(fd_, bytes, sizeof(bytes), 0);
    ended_ = n <= 0;
    if (n > 0) buffer_.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  }

  RawResponse ReadOne() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return {};
    }
    RawResponse response;
    response.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    response.status = std::atoi(response.head.c_str() + 9);
    const std::size_t at = response.head.find("Content-Length: ");
    const auto size =
        at == std::string::npos ? 0 : std::strtoull(response.head.c_str() + at + 16, nullptr, 10);
    while (buffer_.size() < size) {
      if (!Fill()) return {};
    }
    response.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return response;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  int interim_ = 0;
  std::string buffer_;
};

}  // namespace hadron::net
