#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "base/sync.h"
#include "serving/inference_request.h"

namespace hadron::serving {

/// Gives answers out in the order in which their requests were accepted, whenever and in whichever
/// order they are made (`preserve_ordering`). Requests that fail or are refused later take their
/// place in the order like others. Thread-safe; shared by the requests it has wrapped, so it may go
/// before they are answered. The functions are called without its lock, one at a time.
class OrderedAnswers : public std::enable_shared_from_this<OrderedAnswers> {
 public:
  /// The next place in the order. The returned function has to be called.
  OnDone Wrap(OnDone done);

 private:
  struct Slot {
    OnDone done;
    InferenceResponse response;
  };
  void Answer(std::uint64_t number, OnDone done, InferenceResponse response);

  base::Mutex mutex_;
  std::uint64_t accepted_ HADRON_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_ HADRON_GUARDED_BY(mutex_) = 0;   ///< to be given out
  bool giving_out_ HADRON_GUARDED_BY(mutex_) = false;  ///< somebody does
  std::map<std::uint64_t, Slot> made_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::serving
