#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "device/slab_heap.h"

namespace hadron::device {

/// A range that somebody holds, and whether it may be moved.
struct HeldRange {
  SlabRange where;
  bool movable = false;
};

struct SlabMove {
  SlabRange from;
  SlabRange to;
};

/// What may still be taken of the device's memory for slabs.
struct SlabRoom {
  std::uint64_t bytes = 0;
  std::uint64_t usual = 0;  ///< a slab's size, unless what it is for takes more

  /// The size of a new slab for so many bytes, rounded as the heap does; nothing: no room. The last
  /// slab may be smaller than usual.
  std::optional<std::uint64_t> NewSlab(std::uint64_t least) const;
};

/// What is to be moved so that there are holes for all of `wanted`, largest first, each with the
/// fewest bytes moved; for as many of them as there is a way, none: empty. Holes that are there,
/// and slabs for which there is room, are used first. Targets are taken from `heap` and do not
/// overlap what is moved: a range is read where it was until its copy is there. `held` are all that
/// the heap has given. A slab that becomes empty makes room for a larger one, if with what there is
/// room for it would do; what comes after that is for another call, when it has gone.
/// Numbers only; externally synchronised.
std::vector<SlabMove> MakeHoles(SlabHeap& heap, std::span<const HeldRange> held,
                                std::span<const std::uint64_t> wanted, const SlabRoom& room);

}  // namespace hadron::device
