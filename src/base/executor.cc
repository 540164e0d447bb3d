#include "base/executor.h"

#include <algorithm>

namespace hadron::base {

void TaskQueue::Post(Task task) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.NotifyOne();
}

bool TaskQueue::Later(const Timer& a, const Timer& b) {
  return a.when != b.when ? a.when > b.when : a.order > b.order;
}

void TaskQueue::PostAt(TimePoint when, Task task) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    timers_.push_back({when, next_order_++, std::move(task)});
    std::push_heap(timers_.begin(), timers_.end(), Later);
  }
  wake_.NotifyOne();
}

bool TaskQueue::TakeDueTimer() {
  if (timers_.empty() || timers_.front().when > std::chrono::steady_clock::now()) return false;
  std::pop_heap(timers_.begin(), timers_.end(), Later);
  tasks_.push_back(std::move(timers_.back().task));
  timers_.pop_back();
  return true;
}

Task TaskQueue::WaitForTask() {
  while (true) {
    while (!stopped_ && TakeDueTimer()) {
    }
    if (!tasks_.empty()) {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      return task;
    }
    if (stopped_) return {};
    if (timers_.empty()) {
      wake_.Wait(mutex_);
    } else {
      wake_.WaitUntil(mutex_, timers_.front().when);
    }
  }
}

void TaskQueue::Run() {
  while (true) {
    Task task;
    {
      MutexLock lock(mutex_);
      task = WaitForTask();
    }
    if (!task) return;
    task();
  }
}

void TaskQueue::Stop() {
  std::vector<Timer> dropped;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(timers_);  // destroyed outside the lock: a task may own anything
  }
  wake_.NotifyAll();
}

bool ManualExecutor::RunOne() {
  if (tasks_.empty()) return false;
  Task task = std::move(tasks_.front());
  tasks_.pop_front();
  task();
  return true;
}

std::size_t ManualExecutor::RunAll() {
  std::size_t count = 0;
  while (RunOne()) ++count;
  return count;
}

}  // namespace hadron::base
