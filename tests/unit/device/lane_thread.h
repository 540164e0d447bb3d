#pragma once

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "base/executor.h"
#include "base/status.h"
#include "device/device.h"

namespace hadron::device {

/// The host lane of a test: a thread that runs tasks in order until it goes out of scope.
class LaneThread {
 public:
  LaneThread() : thread_([this] { queue_.Run(); }) {}
  ~LaneThread() { queue_.Stop(); }
  base::Executor& executor() { return queue_; }

 private:
  base::TaskQueue queue_;
  std::jthread thread_;
};

/// Records, flushes and waits: the first failure since the last Record.
inline base::Status Finish(Stream& stream) {
  std::promise<base::Status> done;
  std::future<base::Status> outcome = done.get_future();
  stream.Record([&done](base::Status status) { done.set_value(std::move(status)); });
  stream.Flush();
  outcome.wait();
  return outcome.get();
}

}  // namespace hadron::device
