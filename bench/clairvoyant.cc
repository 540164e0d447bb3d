#include "bench/clairvoyant.h"

#include <algorithm>
#include <limits>

namespace hadron::bench {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max() / 2;

/// For each request the next one of the same model.
std::vector<std::size_t> NextUses(const Replay& replay) {
  std::vector<std::size_t> next(replay.requests.size());
  std::vector<std::size_t> seen(replay.sizes.size(), kNever);
  for (std::size_t i = replay.requests.size(); i-- > 0;) {
    next[i] = seen[replay.requests[i]];
    seen[replay.requests[i]] = i;
  }
  return next;
}

/// What is in memory: its models' next and last uses.
class Memory {
 public:
  Memory(const Replay& replay, Victim victim)
      : replay_(replay), victim_(victim), next_(replay.sizes.size()), last_(replay.sizes.size()) {}

  bool Holds(std::size_t model) const { return std::ranges::count(held_, model) > 0; }

  void MakeRoomFor(std::size_t model, std::size_t now) {
    while (used_ + replay_.sizes[model] > replay_.budget) {
      const auto leaves =
          std::ranges::max_element(held_, {}, [&](std::size_t other) { return Score(other, now); });
      used_ -= replay_.sizes[*leaves];
      held_.erase(leaves);
    }
    used_ += replay_.sizes[model];
    held_.push_back(model);
  }

  void Used(std::size_t model, std::size_t now, std::size_t next) {
    last_[model] = now;
    next_[model] = next;
  }

 private:
  double Score(std::size_t model, std::size_t now) const {
    if (victim_ == Victim::kLeastRecent) return -static_cast<double>(last_[model]);
    const auto distance = static_cast<double>(next_[model] - now);
    if (victim_ == Victim::kFarthest) return distance;
    return distance * static_cast<double>(replay_.sizes[model]);
  }

  const Replay& replay_;
  const Victim victim_;
  std::vector<std::size_t> next_;
  std::vector<std::size_t> last_;
  std::vector<std::size_t> held_;
  std::uint64_t used_ = 0;
};

}  // namespace

ReplayCost Serve(const Replay& replay, Victim victim) {
  const std::vector<std::size_t> next = NextUses(replay);
  Memory memory(replay, victim);
  ReplayCost cost;
  for (std::size_t i = 0; i < replay.requests.size(); ++i) {
    const std::size_t model = replay.requests[i];
    if (!memory.Holds(model)) {
      memory.MakeRoomFor(model, i);
      ++cost.loads;
      cost.bytes += replay.sizes[model];
    }
    memory.Used(model, i, next[i]);
  }
  return cost;
}

ReplayCost Clairvoyant(const Replay& replay) {
  const ReplayCost farthest = Serve(replay, Victim::kFarthest);
  const ReplayCost large = Serve(replay, Victim::kFarthestLarge);
  return large.loads < farthest.loads ? large : farthest;
}

std::uint64_t LowerBoundOfLoads(const Replay& replay) {
  const std::vector<std::size_t> next = NextUses(replay);
  std::vector<double> reuses;
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (next[i] == kNever) continue;
    reuses.push_back(static_cast<double>(next[i] - i) *
                     static_cast<double>(replay.sizes[replay.requests[i]]));
  }
  std::ranges::sort(reuses);
  double room = static_cast<double>(replay.budget) * static_cast<double>(replay.requests.size());
  std::uint64_t hits = 0;
  for (const double reuse : reuses) {
    room -= reuse;
    if (room < 0) break;
    ++hits;
  }
  return replay.requests.size() - hits;
}

}  // namespace hadron::bench
