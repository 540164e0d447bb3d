#include "model/host_room.h"

#include <algorithm>

namespace hadron::model {

void HostRoom::Enter(Load load) {
  waiting_.push_back(std::move(load));
  Look();
}

void HostRoom::Leave(std::uint64_t bytes) {
  --running_;
  running_bytes_ -= bytes;
  Look();
}

void HostRoom::Look() {
  Verdict verdict = Verdict::kGo;
  while (std::optional<Load> next = TakeNext(verdict)) {
    ++running_;
    running_bytes_ += next->bytes;
    next->go(verdict == Verdict::kGoLast);
  }
}

std::optional<HostRoom::Load> HostRoom::TakeNext(Verdict& verdict) {
  verdict = Verdict::kGo;
  auto next = std::ranges::find_if(waiting_, [](const Load& load) { return load.cancelled(); });
  if (next == waiting_.end()) {
    if (waiting_.empty()) return std::nullopt;
    next = waiting_.begin();
    verdict = Judge(next->bytes);
    if (verdict == Verdict::kWait) return std::nullopt;
  }
  std::optional<Load> taken(std::move(*next));
  waiting_.erase(next);
  return taken;
}

HostRoom::Verdict HostRoom::Judge(std::uint64_t bytes) const {
  const std::uint64_t free = hooks_.free();
  // What runs may have reserved its bytes already: this errs towards waiting for its end.
  if (running_bytes_ <= free && bytes <= free - running_bytes_) return Verdict::kGo;
  if (running_ > 0 || hooks_.leaving()) return Verdict::kWait;
  return hooks_.evict(bytes - free) ? Verdict::kWait : Verdict::kGoLast;
}

}  // namespace hadron::model
