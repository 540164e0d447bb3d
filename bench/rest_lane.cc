#include "bench/rest_lane.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace hadron::bench {

using base::Status;
using base::StatusOr;

namespace {

constexpr std::size_t kFirstBuffer = 64UL << 10U;
constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::size_t kStatusAt = 9;  // behind "HTTP/1.1 "
constexpr std::size_t kStatusDigits = 3;

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/// Value of the Content-Length line; the server writes the name just so, or in lower case.
std::optional<std::uint64_t> ContentLength(std::string_view head) {
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    std::string_view line = head.substr(at + 2);
    line = line.substr(0, line.find("\r\n"));
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    if (base::EqualsIgnoreCase(line.substr(0, colon), "content-length")) {
      return base::ParseUint64(base::Trim(line.substr(colon + 1)));
    }
  }
  return std::nullopt;
}

}  // namespace

RestLane::RestLane() : buffer_(kFirstBuffer) {}

RestLane::~RestLane() {
  if (fd_ >= 0) close(fd_);
}

Status RestLane::Connect(std::uint16_t port, int epoll) {
  epoll_ = epoll;
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return base::Unavailable(fmt::format("cannot connect to 127.0.0.1:{}", port));
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = this;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event);
  return {};
}

Status RestLane::WatchWrites(bool on) {
  if (watches_writes_ == on) return {};
  watches_writes_ = on;
  epoll_event event{};
  event.events = EPOLLIN | (on ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  event.data.ptr = this;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
  return {};
}

Status RestLane::Send(std::string_view request) {
  request_ = request;
  written_ = 0;
  received_ = 0;
  total_.reset();
  sent_ = std::chrono::steady_clock::now();
  return Write();
}

Status RestLane::Write() {
  while (written_ < request_.size()) {
    const ssize_t n = send(fd_, request_.data() + written_, request_.size() - written_,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      return WouldBlock() ? WatchWrites(true) : base::Unavailable("the connection broke");
    }
    written_ += static_cast<std::size_t>(n);
  }
  return WatchWrites(false);
}

Status RestLane::ParseHead() {
  const std::string_view text(buffer_.data(), received_);
  const std::size_t end = text.find(kEndOfHead);
  if (end == text.npos) return {};
  const auto length = ContentLength(text.substr(0, end));
  const auto status = base::ParseUint64(text.substr(std::min(kStatusAt, end), kStatusDigits));
  if (!text.starts_with("HTTP/1.1 ") || !status || !length) {
    return base::Unavailable(fmt::format("no answer: {}", text.substr(0, 500)));
  }
  status_ = static_cast<int>(*status);
  head_ = end + kEndOfHead.size();
  total_ = head_ + *length;
  if (buffer_.size() < *total_) buffer_.resize(*total_);
  return {};
}

StatusOr<bool> RestLane::Advance() {
  if (written_ < request_.size()) HADRON_RETURN_IF_ERROR(Write());
  const ssize_t n = recv(fd_, buffer_.data() + received_, buffer_.size() - received_, MSG_DONTWAIT);
  if (n < 0 && WouldBlock()) return false;
  if (n <= 0) return base::Unavailable("the server closed the connection");
  received_ += static_cast<std::size_t>(n);
  if (!total_) HADRON_RETURN_IF_ERROR(ParseHead());
  if (total_ && received_ > *total_) return base::Internal("more bytes than the answer has");
  return total_ && received_ == *total_;
}

}  // namespace hadron::bench
