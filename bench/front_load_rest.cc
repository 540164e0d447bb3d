// REST load over plain non-blocking sockets and one epoll: little work between the server and us.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/strings.h"
#include "bench/front_load.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using TimePoint = LoadRun::TimePoint;

constexpr int kTimeoutMs = 60'000;
constexpr std::size_t kFirstBuffer = 64UL << 10U;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

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

/// One kept connection with at most one request under way.
class Lane {
 public:
  explicit Lane(const std::string& request) : request_(request), buffer_(kFirstBuffer) {}
  ~Lane() {
    if (fd_ >= 0) close(fd_);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  Status Connect(std::uint16_t port, int epoll);
  Status Send();
  /// Does what the socket allows; true when the answer is complete.
  StatusOr<bool> Advance();
  TimePoint sent() const { return sent_; }
  std::string_view body() const { return {buffer_.data() + head_, *total_ - head_}; }

 private:
  Status Write();
  Status WatchWrites(bool on);
  Status ParseHead();

  const std::string& request_;
  int fd_ = -1;
  int epoll_ = -1;
  bool watches_writes_ = false;
  TimePoint sent_;
  std::size_t written_ = 0;
  std::vector<char> buffer_;
  std::size_t received_ = 0;
  std::size_t head_ = 0;              ///< bytes before the body
  std::optional<std::size_t> total_;  ///< head and body, once the head is there
};

Status Lane::Connect(std::uint16_t port, int epoll) {
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

Status Lane::WatchWrites(bool on) {
  if (watches_writes_ == on) return {};
  watches_writes_ = on;
  epoll_event event{};
  event.events = EPOLLIN | (on ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  event.data.ptr = this;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
  return {};
}

Status Lane::Send() {
  written_ = 0;
  received_ = 0;
  total_.reset();
  sent_ = std::chrono::steady_clock::now();
  return Write();
}

Status Lane::Write() {
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

Status Lane::ParseHead() {
  const std::string_view text(buffer_.data(), received_);
  const std::size_t end = text.find(kEndOfHead);
  if (end == text.npos) return {};
  const auto length = ContentLength(text.substr(0, end));
  if (!text.starts_with("HTTP/1.1 200") || !length) {
    return base::Unavailable(fmt::format("refused: {}", text.substr(0, 500)));
  }
  head_ = end + kEndOfHead.size();
  total_ = head_ + *length;
  if (buffer_.size() < *total_) buffer_.resize(*total_);
  return {};
}

StatusOr<bool> Lane::Advance() {
  if (written_ < request_.size()) HADRON_RETURN_IF_ERROR(Write());
  const ssize_t n = recv(fd_, buffer_.data() + received_, buffer_.size() - received_, MSG_DONTWAIT);
  if (n < 0 && WouldBlock()) return false;
  if (n <= 0) return base::Unavailable("the server closed the connection");
  received_ += static_cast<std::size_t>(n);
  if (!total_) HADRON_RETURN_IF_ERROR(ParseHead());
  if (total_ && received_ > *total_) return base::Internal("more bytes than the answer has");
  return total_ && received_ == *total_;
}

class RestLoad final : public Load {
 public:
  RestLoad(const WireRequest& request, int lanes)
      : bytes_(fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Length: {}\r\n\r\n",
                           request.path, request.headers, request.body.size()) +
               request.body),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (int i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>(bytes_));
  }
  ~RestLoad() override { close(epoll_); }
  RestLoad(const RestLoad&) = delete;
  RestLoad& operator=(const RestLoad&) = delete;

  Status Connect(std::uint16_t port) {
    for (auto& lane : lanes_) HADRON_RETURN_IF_ERROR(lane->Connect(port, epoll_));
    return {};
  }

  StatusOr<LoadResult> Run(const LoadLimits& limits) override;

 private:
  Status Answered(const Lane& lane);

  const std::string bytes_;
  const int epoll_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

Status RestLoad::Answered(const Lane& lane) {
  if (check_.WantsBytes()) return check_.Bytes(lane.body());
  return check_.Size(lane.body().size());
}

StatusOr<LoadResult> RestLoad::Run(const LoadLimits& limits) {
  LoadRun run(limits);
  for (auto& lane : lanes_) {
    if (run.MaySend()) HADRON_RETURN_IF_ERROR(lane->Send());
  }
  std::array<epoll_event, 64> events;
  while (run.outstanding() > 0) {
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kTimeoutMs);
    if (count == 0) return base::Unavailable("no answer within a minute");
    for (int i = 0; i < count; ++i) {
      auto& lane = *static_cast<Lane*>(events[static_cast<std::size_t>(i)].data.ptr);
      HADRON_ASSIGN_OR_RETURN(const bool complete, lane.Advance());
      if (!complete) continue;
      run.Answered(lane.sent());
      HADRON_RETURN_IF_ERROR(Answered(lane));
      if (run.MaySend()) HADRON_RETURN_IF_ERROR(lane.Send());
    }
  }
  return run.Finish();
}

}  // namespace

StatusOr<std::unique_ptr<Load>> OpenRestLoad(std::uint16_t port, const WireRequest& request,
                                             int lanes) {
  auto load = std::make_unique<RestLoad>(request, lanes);
  HADRON_RETURN_IF_ERROR(load->Connect(port));
  return std::unique_ptr<Load>(std::move(load));
}

}  // namespace hadron::bench
