#include "protocol/rpc/mailbox.h"

#include <grpc/support/time.h>

#include <utility>

namespace hadron::protocol::rpc {

void Mailbox::Post(base::Task task) {
  base::MutexLock lock(mutex_);
  if (closed_) return;
  tasks_.push_back(std::move(task));
  if (awake_ || alarmed_) return;
  alarmed_ = true;
  alarm_.Set(&queue_, gpr_time_0(GPR_CLOCK_REALTIME), &alarm_event_);
}

void Mailbox::Wake() {
  base::MutexLock lock(mutex_);
  awake_ = true;
}

void Mailbox::Drain() {
  std::vector<base::Task> tasks;
  for (;;) {
    tasks.clear();
    {
      base::MutexLock lock(mutex_);
      tasks.swap(tasks_);
      if (tasks.empty()) {
        awake_ = false;
        return;
      }
    }
    for (base::Task& task : tasks) task();
  }
}

void Mailbox::Close() {
  std::vector<base::Task> dropped;
  base::MutexLock lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

void Mailbox::OnAlarm(bool) {
  base::MutexLock lock(mutex_);
  alarmed_ = false;
}

}  // namespace hadron::protocol::rpc
