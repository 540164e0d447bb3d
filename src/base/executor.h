#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/clock.h"
#include "base/sync.h"
#include "base/unique_function.h"

namespace hadron::base {

using Task = UniqueFunction<void()>;

/// "Run this there": the only way work passes between threads. Implementations say which thread
/// runs the tasks and in which order. Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Never blocks, never runs the task inside the call.
  virtual void Post(Task task) = 0;
};

/// First-in first-out queue with timers, drained by the one thread (or the several) that call
/// Run(). Tasks posted after Stop() are dropped. Thread-safe.
///
///     TaskQueue control;
///     std::jthread thread([&] { control.Run(); });
///     control.Post([] { ... });
///     control.Stop();            // Run() returns when what was posted before has run
class TaskQueue final : public Executor {
 public:
  void Post(Task task) override;
  /// Runs `task` not before `when`. Dropped by Stop().
  void PostAt(TimePoint when, Task task);
  /// Runs tasks until Stop(); exceptions of third parties must not escape a task.
  void Run();
  void Stop();

 private:
  struct Timer {
    TimePoint when;
    std::uint64_t order;
    Task task;
  };
  static bool Later(const Timer& a, const Timer& b);
  /// Empty once stopped and drained.
  Task WaitForTask() HADRON_REQUIRES(mutex_);
  bool TakeDueTimer() HADRON_REQUIRES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  std::deque<Task> tasks_ HADRON_GUARDED_BY(mutex_);
  std::vector<Timer> timers_ HADRON_GUARDED_BY(mutex_);  ///< heap, earliest first
  std::uint64_t next_order_ HADRON_GUARDED_BY(mutex_) = 0;
  bool stopped_ HADRON_GUARDED_BY(mutex_) = false;
};

/// Runs tasks only when the test says so. Externally synchronised.
class ManualExecutor final : public Executor {
 public:
  void Post(Task task) override { tasks_.push_back(std::move(task)); }
  /// Runs the oldest task; false when there is none.
  bool RunOne();
  /// Runs until nothing is left, tasks posted meanwhile included; the number run.
  std::size_t RunAll();
  std::size_t pending() const { return tasks_.size(); }

 private:
  std::deque<Task> tasks_;
};

}  // namespace hadron::base
