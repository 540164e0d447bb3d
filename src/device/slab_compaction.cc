#include "device/slab_compaction.h"

#include <algorithm>
#include <map>
#include <tuple>

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

/// The window's holes, which are no target.
std::vector<SlabRange> HolesIn(const Window& window) {
  std::vector<SlabRange> holes;
  std::uint64_t at = window.begin;
  const auto add = [&](std::uint64_t end) {
    if (end > at) holes.push_back({window.slab, at, end - at});
  };
  for (const SlabRange& range : window.inside) {
    add(range.offset);
    at = range.offset + range.bytes;
  }
  add(window.end);
  return holes;
}

/// Targets for all that is in the window; nothing is taken when one is missing.
std::vector<SlabMove> FindTargets(SlabHeap& heap, Window window) {
  const std::vector<SlabRange> holes = HolesIn(window);
  for (const SlabRange& hole : holes) heap.TakeAt(hole);
  std::ranges::sort(window.inside, std::greater<>(), &SlabRange::bytes);
  std::vector<SlabMove> moves;
  for (const SlabRange& range : window.inside) {
    const auto to = heap.Take(range.bytes);
    if (!to) break;
    moves.push_back({range, *to});
  }
  for (const SlabRange& hole : holes) heap.Give(hole);
  if (moves.size() == window.inside.size()) return moves;
  for (const SlabMove& move : moves) heap.Give(move.to);
  return {};
}

}  // namespace

std::vector<SlabMove> MakeHole(SlabHeap& heap, std::span<const HeldRange> held, std::uint64_t bytes,
                               std::uint64_t budget) {
  std::uint64_t spare = budget;  // empty slabs go back
  for (const std::uint32_t empty : heap.EmptySlabs()) spare += heap.Size(empty);
  std::vector<Window> windows;
  for (const auto& [slab, ranges] : Sorted(held)) {
    AddWindows(ranges, heap.Size(slab), bytes, windows);
    if (spare + heap.Size(slab) >= bytes) AddWhole(ranges, heap.Size(slab), windows);
  }
  std::ranges::stable_sort(windows, {}, &Window::moved);
  if (windows.size() > kWays) windows.resize(kWays);
  for (Window& window : windows) {
    std::vector<SlabMove> moves = FindTargets(heap, std::move(window));
    if (!moves.empty()) return moves;
  }
  return {};
}

}  // namespace hadron::device
