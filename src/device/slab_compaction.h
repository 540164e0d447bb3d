#pragma once

#include <cstdint>
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

/// What is to be moved so that a hole of `bytes` comes to be, with the fewest bytes moved; empty
/// when there is no such way. Targets are taken from `heap` and do not overlap what is moved: a
/// range is read where it was until its copy is there. `held` are all that the heap has given.
/// A slab that becomes empty makes room for a larger one, if with `budget` more bytes it would do.
/// Numbers only; externally synchronised.
std::vector<SlabMove> MakeHole(SlabHeap& heap, std::span<const HeldRange> held, std::uint64_t bytes,
                               std::uint64_t budget);

}  // namespace hadron::device
