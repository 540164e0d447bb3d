// REST load over plain non-blocking sockets and one epoll.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "bench/front_load.h"
#include "bench/rest_lane.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr int kTimeoutMs = 60'000;
constexpr int kOk = 200;
constexpr std::size_t kShown = 500;

class RestLoad final : public Load {
 public:
  RestLoad(const WireRequest& request, int lanes)
      : bytes_(fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Length: {}\r\n\r\n",
                           request.path, request.headers, request.body.size()) +
               request.body),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (int i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<RestLane>());
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
  Status Answered(const RestLane& lane);

  const std::string bytes_;
  const int epoll_;
  std::vector<std::unique_ptr<RestLane>> lanes_;
};

Status RestLoad::Answered(const RestLane& lane) {
  if (lane.status() != kOk) {
    return base::Unavailable(
        fmt::format("refused: {} {}", lane.status(), lane.body().substr(0, kShown)));
  }
  if (check_.WantsBytes()) return check_.Bytes(lane.body());
  return check_.Size(lane.body().size());
}

StatusOr<LoadResult> RestLoad::Run(const LoadLimits& limits) {
  LoadRun run(limits);
  for (auto& lane : lanes_) {
    if (run.MaySend()) HADRON_RETURN_IF_ERROR(lane->Send(bytes_));
  }
  std::array<epoll_event, 64> events;
  while (run.outstanding() > 0) {
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kTimeoutMs);
    if (count == 0) return base::Unavailable("no answer within a minute");
    for (int i = 0; i < count; ++i) {
      auto& lane = *static_cast<RestLane*>(events[static_cast<std::size_t>(i)].data.ptr);
      HADRON_ASSIGN_OR_RETURN(const bool complete, lane.Advance());
      if (!complete) continue;
      run.Answered(lane.sent());
      HADRON_RETURN_IF_ERROR(Answered(lane));
      if (run.MaySend()) HADRON_RETURN_IF_ERROR(lane.Send(bytes_));
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
