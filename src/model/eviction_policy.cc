#include "model/eviction_policy.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

namespace hadron::model {
namespace {

using Holders = std::map<const void*, int>;

/// Bytes that are free when this one leaves, too.
std::uint64_t Freed(const EvictionCandidate& candidate, const Holders& holders) {
  std::uint64_t bytes = 0;
  for (const auto& part : candidate.parts) {
    const auto it = holders.find(part.range);
    if (it == holders.end() || it->second <= 1) bytes += part.bytes;
  }
  return bytes;
}

void Leave(const EvictionCandidate& candidate, Holders& holders) {
  for (const auto& part : candidate.parts) --holders[part.range];
}

std::uint64_t FreedBy(const EvictionSnapshot& snapshot, const std::vector<std::size_t>& victims) {
  Holders holders = snapshot.holders;
  std::uint64_t bytes = 0;
  for (const std::size_t victim : victims) {
    bytes += Freed(snapshot.candidates[victim], holders);
    Leave(snapshot.candidates[victim], holders);
  }
  return bytes;
}

/// The dearest victims stay if the others suffice.
void Spare(const EvictionSnapshot& snapshot, std::uint64_t needed,
           std::vector<std::size_t>& victims) {
  for (std::size_t i = victims.size(); i-- > 0;) {
    std::vector<std::size_t> fewer = victims;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (FreedBy(snapshot, fewer) >= needed) victims = std::move(fewer);
  }
}

/// Takes the lowest by `score(candidate, freed bytes)`, again and again: what a model frees depends
/// on who has left before.
template <typename Score>
std::vector<std::size_t> ChooseLowest(const EvictionSnapshot& snapshot, std::uint64_t needed,
                                      Score score) {
  Holders holders = snapshot.holders;
  std::vector<std::size_t> left(snapshot.candidates.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  std::vector<std::size_t> victims;
  std::uint64_t freed = 0;
  while (freed < needed) {
    if (left.empty()) return {};
    const auto lowest = std::ranges::min_element(left, {}, [&](std::size_t i) {
      const EvictionCandidate& candidate = snapshot.candidates[i];
      return score(candidate, Freed(candidate, holders));
    });
    victims.push_back(*lowest);
    freed += Freed(snapshot.candidates[*lowest], holders);
    Leave(snapshot.candidates[*lowest], holders);
    left.erase(lowest);
  }
  Spare(snapshot, needed, victims);
  return victims;
}

}  // namespace

std::vector<std::size_t> CostLruPolicy::Choose(const EvictionSnapshot& snapshot,
                                               std::uint64_t needed) const {
  return ChooseLowest(snapshot, needed, [](const EvictionCandidate& c, std::uint64_t freed) {
    // Who frees nothing alone still may as one of several, but last.
    const double cost = c.restore_seconds / std::max(static_cast<double>(freed), 1e-3);
    return std::tuple(static_cast<double>(c.waiting) * cost, c.frequency * cost, c.last_used);
  });
}

std::vector<std::size_t> LruPolicy::Choose(const EvictionSnapshot& snapshot,
                                           std::uint64_t needed) const {
  return ChooseLowest(snapshot, needed,
                      [](const EvictionCandidate& c, std::uint64_t) { return c.last_used; });
}

IdleChoice ChooseIdle(std::span<const IdleCandidate> candidates, base::TimePoint now) {
  IdleChoice choice;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const IdleCandidate& candidate = candidates[i];
    if (candidate.limit <= base::Duration::zero()) continue;
    const base::TimePoint due = (candidate.busy ? now : candidate.last_used) + candidate.limit;
    if (due <= now) {
      choice.leave.push_back(i);
    } else {
      choice.look_at = std::min(choice.look_at.value_or(due), due);
    }
  }
  return choice;
}

const EvictionPolicy* FindEvictionPolicy(std::string_view name) {
  static const CostLruPolicy kCostLru;
  static const LruPolicy kLru;
  static const NoEvictionPolicy kNone;
  if (name == "cost-lru") return &kCostLru;
  if (name == "lru") return &kLru;
  if (name == "none") return &kNone;
  return nullptr;
}

}  // namespace hadron::model
