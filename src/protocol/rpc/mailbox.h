#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <vector>

#include "base/executor.h"
#include "base/sync.h"

namespace hadron::protocol::rpc {

/// What a completion queue hands back: whoever waits for an event gives gRPC the address of one.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Fire(bool ok) = 0;
};

/// A tag that calls a member function: Event<InferCall> finished_{this, &InferCall::OnFinished}.
template <typename T>
class Event final : public Tag {
 public:
  using Handler = void (T::*)(bool ok);
  Event(T* target, Handler handler) : target_(target), handler_(handler) {}
  void Fire(bool ok) override { (target_->*handler_)(ok); }

 private:
  T* const target_;
  const Handler handler_;
};

/// Brings tasks to the thread that sleeps in a completion queue. The thread is woken only when it
/// may be asleep: under load an answer costs no system call. Post: any thread. The rest: the
/// queue's thread, but for Close.
class Mailbox final : public base::Executor {
 public:
  explicit Mailbox(grpc::CompletionQueue& queue) : queue_(queue) {}

  void Post(base::Task task) override;
  /// The thread has woken; until Drain it needs no alarm.
  void Wake();
  /// Runs all tasks, also those posted meanwhile; then the thread may sleep.
  void Drain();
  /// From now on tasks are dropped and the queue is not touched.
  void Close();

 private:
  void OnAlarm(bool ok);

  grpc::CompletionQueue& queue_;
  Event<Mailbox> alarm_event_{this, &Mailbox::OnAlarm};
  base::Mutex mutex_;
  grpc::Alarm alarm_ HADRON_GUARDED_BY(mutex_);
  std::vector<base::Task> tasks_ HADRON_GUARDED_BY(mutex_);
  bool awake_ HADRON_GUARDED_BY(mutex_) = false;
  bool alarmed_ HADRON_GUARDED_BY(mutex_) = false;
  bool closed_ HADRON_GUARDED_BY(mutex_) = false;
};

}  // namespace hadron::protocol::rpc
