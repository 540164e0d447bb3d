#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace hadron::model {

/// A resident model that may be evicted now: nothing of it is running, nobody has pinned it.
struct EvictionCandidate {
  /// Its parts of the memory; others may hold the same ones.
  struct Part {
    const void* range = nullptr;
    std::uint64_t bytes = 0;
  };
  std::vector<Part> parts;
  std::int64_t waiting = 0;     ///< requests in its queue
  double frequency = 0;         ///< requests, decayed by requests (not by time)
  double restore_seconds = 0;   ///< what bringing it back takes
  std::uint64_t last_used = 0;  ///< number of the request that used it last
};

/// Everything a choice rests on. `holders`: how many resident models hold a range, candidates and
/// others; bytes are free only when the last has gone.
struct EvictionSnapshot {
  std::span<const EvictionCandidate> candidates;
  std::map<const void*, int> holders;
};

/// Who has to leave. Pure: no clock, no state.
class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;
  /// Candidates, by index, whose leaving frees at least `needed` bytes; none if all together do
  /// not. No victim is chosen that the others make unnecessary.
  virtual std::vector<std::size_t> Choose(const EvictionSnapshot& snapshot,
                                          std::uint64_t needed) const = 0;
};

/// The lowest go first of (requests waiting, then decayed frequency) x restore cost / bytes freed.
class CostLruPolicy final : public EvictionPolicy {
 public:
  std::vector<std::size_t> Choose(const EvictionSnapshot& snapshot,
                                  std::uint64_t needed) const override;
};

/// The least recently used go first: the rule others are compared with.
class LruPolicy final : public EvictionPolicy {
 public:
  std::vector<std::size_t> Choose(const EvictionSnapshot& snapshot,
                                  std::uint64_t needed) const override;
};

/// Nobody leaves: what does not fit is refused.
class NoEvictionPolicy final : public EvictionPolicy {
 public:
  std::vector<std::size_t> Choose(const EvictionSnapshot&, std::uint64_t) const override {
    return {};
  }
};

/// A resident model that may leave because nobody asks for it.
struct IdleCandidate {
  base::TimePoint last_used;
  base::Duration limit{0};  ///< 0: it never does
  bool busy = false;        ///< runs, is waited for, or is pinned
};
struct IdleChoice {
  std::vector<std::size_t> leave;          ///< candidates, by index
  std::optional<base::TimePoint> look_at;  ///< when the next might; none as things are
};
/// Who has not been used for as long as its limit. Pure. One that is busy is looked at again after
/// its limit, for then it has been used until now.
IdleChoice ChooseIdle(std::span<const IdleCandidate> candidates, base::TimePoint now);

/// By the name that --eviction-policy takes ("cost-lru", "lru", "none"); null for others.
const EvictionPolicy* FindEvictionPolicy(std::string_view name);

}  // namespace hadron::model
