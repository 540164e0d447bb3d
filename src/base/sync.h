#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

/// Mutexes that clang's thread-safety analysis understands (preset `tidy`). Members guarded by a
/// mutex carry HADRON_GUARDED_BY(mutex_); functions that need it, HADRON_REQUIRES(mutex_).
#if defined(__clang__)
#define HADRON_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define HADRON_THREAD_ATTRIBUTE(x)
#endif

#define HADRON_CAPABILITY(x) HADRON_THREAD_ATTRIBUTE(capability(x))
#define HADRON_SCOPED_CAPABILITY HADRON_THREAD_ATTRIBUTE(scoped_lockable)
#define HADRON_GUARDED_BY(x) HADRON_THREAD_ATTRIBUTE(guarded_by(x))
#define HADRON_REQUIRES(...) HADRON_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define HADRON_ACQUIRE(...) HADRON_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define HADRON_RELEASE(...) HADRON_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define HADRON_NO_ANALYSIS HADRON_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace hadron::base {

class HADRON_CAPABILITY("mutex") Mutex {
 public:
  void Lock() HADRON_ACQUIRE() { mutex_.lock(); }
  void Unlock() HADRON_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class HADRON_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) HADRON_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() HADRON_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Condition variable for use inside `base` and `serving::DeviceScheduler` only; other code hands
/// work over with Executor::Post.
class CondVar {
 public:
  void Wait(Mutex& mutex) HADRON_REQUIRES(mutex) HADRON_NO_ANALYSIS {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  /// False when the time has come without a notification.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point until)
      HADRON_REQUIRES(mutex) HADRON_NO_ANALYSIS {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    const bool notified = cv_.wait_until(lock, until) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace hadron::base
