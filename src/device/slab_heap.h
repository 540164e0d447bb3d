#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace hadron::device {

/// A part of a slab.
struct SlabRange {
  std::uint32_t slab = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;

  bool operator==(const SlabRange&) const = default;
};

/// Who has which part of some large pieces of memory ("slabs"): best fit, so that small ranges fill
/// small holes; neighbouring holes become one. It knows numbers, not memory. Sizes are rounded up
/// to the alignment. Externally synchronised.
///
///     SlabHeap heap(256);
///     const std::uint32_t slab = heap.Add(64 << 20);
///     std::optional<SlabRange> range = heap.Take(5 << 20);  // nothing: no hole is that large
///     heap.Give(*range);
class SlabHeap {
 public:
  explicit SlabHeap(std::uint64_t alignment) : alignment_(alignment) {}

  /// A new slab, all free. Numbers are those of removed slabs first.
  std::uint32_t Add(std::uint64_t bytes);
  /// The slab must be empty.
  void Remove(std::uint32_t slab);

  /// The smallest hole that is large enough; among equals the one of the fullest slab, so that
  /// others empty themselves.
  std::optional<SlabRange> Take(std::uint64_t bytes);
  /// This very part, which is free, whole alignments long, and in one hole.
  void TakeAt(const SlabRange& range);
  void Give(const SlabRange& range);

  std::vector<SlabRange> HolesIn(const SlabRange& range) const;  ///< its free parts, ascending
  std::vector<std::uint32_t> EmptySlabs() const;
  std::vector<std::uint32_t> Slabs() const;
  std::uint64_t slab_bytes() const { return slab_bytes_; }  ///< of all slabs
  std::uint64_t used_bytes() const { return used_bytes_; }  ///< rounded
  std::uint64_t free_bytes() const { return slab_bytes_ - used_bytes_; }
  std::uint64_t largest_hole() const;
  std::uint64_t Used(std::uint32_t slab) const { return slabs_.at(slab).used; }
  std::uint64_t Size(std::uint32_t slab) const { return slabs_.at(slab).bytes; }
  std::uint64_t Rounded(std::uint64_t bytes) const;

 private:
  struct Slab {
    std::uint64_t bytes = 0;
    std::uint64_t used = 0;
    std::map<std::uint64_t, std::uint64_t> holes;  ///< offset -> bytes
  };
  using Hole = std::pair<std::uint32_t, std::uint64_t>;  ///< slab, offset

  void AddHole(std::uint32_t slab, std::uint64_t offset, std::uint64_t bytes);
  void DropHole(std::uint32_t slab, std::map<std::uint64_t, std::uint64_t>::iterator hole);

  const std::uint64_t alignment_;
  std::map<std::uint32_t, Slab> slabs_;
  std::map<std::uint64_t, std::set<Hole>> by_size_;  ///< holes of every slab
  std::uint64_t slab_bytes_ = 0;
  std::uint64_t used_bytes_ = 0;
};

}  // namespace hadron::device
