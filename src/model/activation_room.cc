#include "model/activation_room.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace hadron::model {

using base::Status;

void ActivationRoom::Enter(Want want, base::TimePoint now) {
  wants_.push_back(std::move(want));
  Look(now);
}

void ActivationRoom::Look(base::TimePoint now) {
  while (!wants_.empty()) {
    if (Waits(wants_.front(), now)) return;
    Want want = std::move(wants_.front());
    wants_.pop_front();
    const std::uint64_t free = hooks_.free();
    if (want.bytes <= free) {
      Grant(std::move(want));
      continue;
    }
    want.done(base::ResourceExhausted(
        fmt::format("the tensors between the layers take {} of host memory for a request of this "
                    "shape, {} are free and no model may leave: send smaller batches or give the "
                    "server more memory (--device-memory-budget where models run on the CPU, "
                    "--host-cache-budget elsewhere)",
                    base::HumanBytes(want.bytes), base::HumanBytes(free)),
        base::RefusalCause::kMemory));
  }
}

/// With it all that the lane will be large enough for then.
void ActivationRoom::Grant(Want granted) {
  std::deque<Want> all;
  std::deque<Want> rest;
  for (Want& want : wants_) {
    (want.bytes <= granted.bytes ? all : rest).push_back(std::move(want));
  }
  wants_ = std::move(rest);
  granted.done({});
  for (Want& want : all) want.done({});
}

std::uint64_t ActivationRoom::wanted_bytes() const {
  std::uint64_t most = 0;
  for (const Want& want : wants_) most = std::max(most, want.bytes);
  return most;
}

bool ActivationRoom::Waits(const Want& want, base::TimePoint now) const {
  const std::uint64_t free = hooks_.free();
  if (want.bytes <= free || now >= want.until) return false;
  Models waiting;
  for (const Want& other : wants_) waiting.insert(other.model);
  return hooks_.leaving(waiting) || hooks_.evict(want.bytes - free, waiting) ||
         hooks_.busy(waiting);
}

void ActivationRoom::Refuse(const Status& status) {
  for (Want& want : std::exchange(wants_, {})) want.done(status.Clone());
}

}  // namespace hadron::model
