#include "device/slab_compaction.h"

#include <algorithm>
#include <functional>
#include <map>

namespace hadron::device {
namespace {

/// How many ways are tried, cheapest first.
constexpr std::size_t kWays = 64;

/// A part of a slab that is free when the ranges in it have gone.
struct Window {
  std::uint32_t slab = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::vector<SlabRange> inside;  ///< ascending
  std::uint64_t moved = 0;        ///< bytes of `inside`
};

using BySlab = std::map<std::uint32_t, std::vector<HeldRange>>;

BySlab Sorted(std::span<const HeldRange> held) {
  BySlab slabs;
  for (const HeldRange& range : held) slabs[range.where.slab].push_back(range);
  for (auto& [slab, ranges] : slabs) {
    std::ranges::sort(ranges, {}, [](const HeldRange& range) { return range.where.offset; });
  }
  return slabs;
}

/// Windows that begin behind each range and end where they are long enough.
void AddWindows(const std::vector<HeldRange>& ranges, std::uint64_t slab_bytes, std::uint64_t bytes,
                std::vector<Window>& windows) {
  for (std::size_t first = 0; first < ranges.size(); ++first) {
    Window window;
    window.slab = ranges[first].where.slab;
    if (first > 0) window.begin = ranges[first - 1].where.offset + ranges[first - 1].where.bytes;
    for (std::size_t i = first; i < ranges.size() && ranges[i].movable; ++i) {
      window.inside.push_back(ranges[i].where);
      window.moved += ranges[i].where.bytes;
      window.end = i + 1 < ranges.size() ? ranges[i + 1].where.offset : slab_bytes;
      if (window.end - window.begin < bytes) continue;
      windows.push_back(std::move(window));
      break;
    }
  }
}

/// The slab as a whole, whose memory goes into a larger one.
void AddWhole(const std::vector<HeldRange>& ranges, std::uint64_t slab_bytes,
              std::vector<Window>& windows) {
  if (!std::ranges::all_of(ranges, &HeldRange::movable)) return;
  Window window{ranges.front().where.slab, 0, slab_bytes, {}, 0};
  for (const HeldRange& range : ranges) {
    window.inside.push_back(range.where);
    window.moved += range.where.bytes;
  }
  windows.push_back(std::move(window));
}

/// Holes for several ranges, as they come to be when all moves have ended. A range is moved once;
/// where something was moved away, or a slab would be new, nothing is moved to.
class Round {
 public:
  Round(const SlabHeap& heap, std::span<const HeldRange> held, const SlabRoom& room)
      : after_(heap), held_(held.begin(), held.end()), room_(room) {}

  /// False: there is no way, or the next ones have to wait for a slab to go.
  bool Find(std::uint64_t asked) {
    const std::uint64_t bytes = after_.Rounded(asked);
    if (Take(bytes) || (AddSlab(bytes) && Take(bytes))) return true;
    std::vector<Window> windows = Windows(bytes);
    std::ranges::stable_sort(windows, {}, &Window::moved);
    if (windows.size() > kWays) windows.resize(kWays);
    for (const Window& window : windows) {
      const std::vector<SlabMove> moves = FindTargets(window);
      if (moves.empty()) continue;
      for (const SlabMove& move : moves) Make(move);
      return Take(bytes);
    }
    return false;
  }
  const std::vector<SlabMove>& moves() const { return moves_; }

 private:
  bool Take(std::uint64_t bytes) {
    const auto range = after_.Take(bytes);
    if (range) held_.push_back({*range, false});
    return range.has_value();
  }

  bool AddSlab(std::uint64_t bytes) {
    const auto size = room_.NewSlab(bytes);
    if (!size) return false;
    no_targets_.push_back({after_.Add(*size), 0, *size});
    room_.bytes -= *size;
    return true;
  }

  std::vector<Window> Windows(std::uint64_t bytes) const {
    std::uint64_t spare = room_.bytes;  // empty slabs go back
    for (const std::uint32_t empty : after_.EmptySlabs()) spare += after_.Size(empty);
    std::vector<Window> windows;
    for (const auto& [slab, ranges] : Sorted(held_)) {
      AddWindows(ranges, after_.Size(slab), bytes, windows);
      if (spare + after_.Size(slab) >= bytes) AddWhole(ranges, after_.Size(slab), windows);
    }
    return windows;
  }

  /// For all that is in the window; nothing is taken when one is missing.
  std::vector<SlabMove> FindTargets(const Window& window) {
    std::vector<SlabRange> closed;
    Close({window.slab, window.begin, window.end - window.begin}, closed);
    for (const SlabRange& range : no_targets_) Close(range, closed);
    std::vector<SlabRange> inside = window.inside;
    std::ranges::sort(inside, std::greater<>(), &SlabRange::bytes);
    std::vector<SlabMove> moves;
    for (const SlabRange& range : inside) {
      const auto to = after_.Take(range.bytes);
      if (!to) break;
      moves.push_back({range, *to});
    }
    for (const SlabRange& hole : closed) after_.Give(hole);
    if (moves.size() == inside.size()) return moves;
    for (const SlabMove& move : moves) after_.Give(move.to);
    return {};
  }

  void Close(const SlabRange& range, std::vector<SlabRange>& closed) {
    for (const SlabRange& hole : after_.HolesIn(range)) {
      after_.TakeAt(hole);
      closed.push_back(hole);
    }
  }

  void Make(const SlabMove& move) {
    *std::ranges::find(held_, move.from, &HeldRange::where) = {move.to, false};
    after_.Give(move.from);
    no_targets_.push_back(move.from);
    moves_.push_back(move);
  }

  SlabHeap after_;
  std::vector<HeldRange> held_;
  SlabRoom room_;
  std::vector<SlabRange> no_targets_;
  std::vector<SlabMove> moves_;
};

}  // namespace

std::optional<std::uint64_t> SlabRoom::NewSlab(std::uint64_t least) const {
  const std::uint64_t size = std::min(std::max(usual, least), bytes);
  return size < least ? std::nullopt : std::optional(size);
}

std::vector<SlabMove> MakeHoles(SlabHeap& heap, std::span<const HeldRange> held,
                                std::span<const std::uint64_t> wanted, const SlabRoom& room) {
  Round round(heap, held, room);
  for (const std::uint64_t bytes : wanted) {
    if (!round.Find(bytes)) break;
  }
  for (const SlabMove& move : round.moves()) heap.TakeAt(move.to);
  return round.moves();
}

}  // namespace hadron::device
