#pragma once

#include <memory>
#include <utility>

#include "base/sync.h"

namespace hadron::base {

/// The one holder of a published immutable object: readers take a reference, the writer swaps in a
/// whole new object. A mutex around the copy of a shared_ptr: g++ 12's atomic<shared_ptr> is a data
/// race under the thread sanitizer. Thread-safe.
template <typename T>
class Snapshot {
 public:
  Snapshot() = default;
  explicit Snapshot(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  std::shared_ptr<const T> Load() const {
    MutexLock lock(mutex_);
    return value_;
  }
  void Store(std::shared_ptr<const T> value) {
    MutexLock lock(mutex_);
    value_.swap(value);  // the old object dies after the lock, in `value`
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::base
