#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "base/status.h"
#include "bench/traffic.h"

namespace hadron::bench {

/// A closed loop of one model in a thread of its own, until Stop.
class BackgroundTraffic {
 public:
  BackgroundTraffic(std::uint16_t port, const Payload& payload, std::size_t outstanding)
      : traffic_(port, {payload}), thread_([this, outstanding] { Run(outstanding); }) {}
  ~BackgroundTraffic() { stop_ = true; }
  BackgroundTraffic(const BackgroundTraffic&) = delete;
  BackgroundTraffic& operator=(const BackgroundTraffic&) = delete;

  /// Once.
  base::StatusOr<TrafficResult> Stop() {
    stop_ = true;
    thread_.join();
    return *std::move(result_);
  }

 private:
  void Run(std::size_t outstanding) {
    result_ = traffic_.Closed(
        outstanding, [this] { return stop_ ? std::nullopt : std::optional<std::size_t>(0); });
  }

  std::atomic<bool> stop_{false};
  Traffic traffic_;
  std::optional<base::StatusOr<TrafficResult>> result_;
  std::jthread thread_;  ///< last: it uses the rest
};

/// Does something over and over in a thread of its own, until Stop.
class BackgroundLoop {
 public:
  explicit BackgroundLoop(std::function<base::Status()> turn)
      : thread_([this, turn = std::move(turn)] {
          while (!stop_ && status_.ok()) {
            status_ = turn();
            if (status_.ok()) ++turns_;
          }
        }) {}
  ~BackgroundLoop() { stop_ = true; }
  BackgroundLoop(const BackgroundLoop&) = delete;
  BackgroundLoop& operator=(const BackgroundLoop&) = delete;

  /// How often it was done, or why no more. Once.
  base::StatusOr<int> Stop() {
    stop_ = true;
    thread_.join();
    HADRON_RETURN_IF_ERROR(std::move(status_));
    return turns_;
  }

 private:
  std::atomic<bool> stop_{false};
  base::Status status_;
  int turns_ = 0;
  std::jthread thread_;  ///< last: it uses the rest
};

}  // namespace hadron::bench
