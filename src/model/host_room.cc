#include "model/host_room.h"

#include <algorithm>
#include <utility>

namespace hadron::model {

void HostRoom::Enter(Load load) {
  waiting_.push_back(std::move(load));
  Look();
}

void HostRoom::Leave(std::uint64_t bytes, bool fetches) {
  Running& running = fetches ? fetching_ : here_;
  --running.count;
  running.bytes -= bytes;
  Look();
}

void HostRoom::Look() {
  Verdict verdict = Verdict::kGo;
  while (std::optional<Load> next = TakeNext(verdict)) {
    Running& running = next->fetches ? fetching_ : here_;
    ++running.count;
    running.bytes += next->bytes;
    next->go(verdict == Verdict::kGoLast);
  }
}

std::optional<HostRoom::Load> HostRoom::TakeNext(Verdict& verdict) {
  verdict = Verdict::kGo;
  auto next = std::ranges::find_if(waiting_, [](const Load& load) { return load.cancelled(); });
  if (next == waiting_.end()) {
    if (waiting_.empty()) return std::nullopt;
    next = waiting_.begin();
    verdict = Judge(*next);
    if (verdict == Verdict::kWait && next->fetches && fetching_.count > 0) {
      // What it waits for may be an origin that does not answer.
      next = std::ranges::find(waiting_, false, &Load::fetches);
      if (next == waiting_.end()) return std::nullopt;
      verdict = Judge(*next);
    }
    if (verdict == Verdict::kWait) return std::nullopt;
  }
  std::optional<Load> taken(std::move(*next));
  waiting_.erase(next);
  return taken;
}

HostRoom::Verdict HostRoom::Judge(Load& load) const {
  Running before = here_;
  if (load.fetches) {
    before.count += fetching_.count;
    before.bytes += fetching_.bytes;
  }
  const std::uint64_t free = hooks_.free();
  // What runs may have reserved its bytes already: this errs towards waiting for its end.
  if (before.bytes <= free && load.bytes <= free - before.bytes) return Verdict::kGo;
  if (before.count > 0 || hooks_.leaving()) return Verdict::kWait;
  if (load.bytes > free && hooks_.evict(load.bytes - free)) return Verdict::kWait;
  if (load.bytes > free && !std::exchange(load.called_back, true) && hooks_.call_back()) {
    return Verdict::kWait;
  }
  return fetching_.count > 0 ? Verdict::kWait : Verdict::kGoLast;
}

}  // namespace hadron::model
