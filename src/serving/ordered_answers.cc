#include "serving/ordered_answers.h"

namespace hadron::serving {

OnDone OrderedAnswers::Wrap(OnDone done) {
  base::MutexLock lock(mutex_);
  return [self = shared_from_this(), number = accepted_++,
          done = std::move(done)](InferenceResponse response) mutable {
    self->Answer(number, std::move(done), std::move(response));
  };
}

void OrderedAnswers::Answer(std::uint64_t number, OnDone done, InferenceResponse response) {
  base::MutexLock lock(mutex_);
  made_.emplace(number, Slot{std::move(done), std::move(response)});
  if (giving_out_) return;  // whoever does will find it
  giving_out_ = true;
  while (!made_.empty() && made_.begin()->first == next_) {
    Slot slot = std::move(made_.begin()->second);
    made_.erase(made_.begin());
    ++next_;
    mutex_.Unlock();
    slot.done(std::move(slot.response));
    mutex_.Lock();
  }
  giving_out_ = false;
}

}  // namespace hadron::serving
