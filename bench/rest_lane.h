#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadron::bench {

/// One kept connection to 127.0.0.1 with at most one REST request under way: a plain non-blocking
/// socket in the caller's epoll, which has this object as data. Little work between the server and
/// us. Externally synchronised.
class RestLane {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  RestLane();
  ~RestLane();
  RestLane(const RestLane&) = delete;
  RestLane& operator=(const RestLane&) = delete;

  base::Status Connect(std::uint16_t port, int epoll);
  /// Head and body of a request; the bytes stay where they are until the answer is there.
  base::Status Send(std::string_view request);
  /// Does what the socket allows; true when the answer is complete.
  base::StatusOr<bool> Advance();

  TimePoint sent() const { return sent_; }
  int status() const { return status_; }  ///< of the answer
  std::string_view body() const { return {buffer_.data() + head_, *total_ - head_}; }

 private:
  base::Status Write();
  base::Status WatchWrites(bool on);
  base::Status ParseHead();

  int fd_ = -1;
  int epoll_ = -1;
  bool watches_writes_ = false;
  TimePoint sent_;
  std::string_view request_;
  std::size_t written_ = 0;
  std::vector<char> buffer_;
  std::size_t received_ = 0;
  int status_ = 0;
  std::size_t head_ = 0;              ///< bytes before the body
  std::optional<std::size_t> total_;  ///< head and body, once the head is there
};

}  // namespace hadron::bench
