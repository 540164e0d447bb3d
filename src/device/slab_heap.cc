#include "device/slab_heap.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"

namespace hadron::device {

std::uint64_t SlabHeap::Rounded(std::uint64_t bytes) const {
  return base::AlignUp(std::max<std::uint64_t>(bytes, 1), alignment_);
}

std::uint32_t SlabHeap::Add(std::uint64_t bytes) {
  std::uint32_t number = 0;
  while (slabs_.contains(number)) ++number;
  slabs_[number].bytes = bytes;
  slab_bytes_ += bytes;
  AddHole(number, 0, bytes);
  return number;
}

void SlabHeap::Remove(std::uint32_t slab) {
  const auto it = slabs_.find(slab);
  HADRON_CHECK(it != slabs_.end() && it->second.used == 0);
  DropHole(slab, it->second.holes.begin());
  slab_bytes_ -= it->second.bytes;
  slabs_.erase(it);
}

std::optional<SlabRange> SlabHeap::Take(std::uint64_t bytes) {
  const std::uint64_t wanted = Rounded(bytes);
  const auto size = by_size_.lower_bound(wanted);
  if (size == by_size_.end()) return std::nullopt;
  const auto [slab, offset] = *std::ranges::max_element(
      size->second, {}, [this](const Hole& hole) { return Used(hole.first); });
  const std::uint64_t hole_bytes = size->first;
  DropHole(slab, slabs_[slab].holes.find(offset));
  if (hole_bytes > wanted) AddHole(slab, offset + wanted, hole_bytes - wanted);
  slabs_[slab].used += wanted;
  used_bytes_ += wanted;
  return SlabRange{slab, offset, wanted};
}

void SlabHeap::TakeAt(const SlabRange& range) {
  Slab& slab = slabs_.at(range.slab);
  const auto hole = std::prev(slab.holes.upper_bound(range.offset));
  const std::uint64_t begin = hole->first;
  const std::uint64_t end = begin + hole->second;
  HADRON_CHECK(begin <= range.offset && range.offset + range.bytes <= end);
  DropHole(range.slab, hole);
  if (begin < range.offset) AddHole(range.slab, begin, range.offset - begin);
  const std::uint64_t after = range.offset + range.bytes;
  if (after < end) AddHole(range.slab, after, end - after);
  slab.used += range.bytes;
  used_bytes_ += range.bytes;
}

std::vector<std::uint32_t> SlabHeap::Slabs() const {
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, slab] : slabs_) numbers.push_back(number);
  return numbers;
}

void SlabHeap::Give(const SlabRange& range) {
  Slab& slab = slabs_.at(range.slab);
  slab.used -= range.bytes;
  used_bytes_ -= range.bytes;
  std::uint64_t begin = range.offset;
  std::uint64_t end = range.offset + range.bytes;
  const auto after = slab.holes.lower_bound(begin);
  if (after != slab.holes.begin()) {
    const auto before = std::prev(after);
    HADRON_CHECK(before->first + before->second <= begin);
    if (before->first + before->second == begin) {
      begin = before->first;
      DropHole(range.slab, before);
    }
  }
  if (after != slab.holes.end() && after->first == end) {
    end += after->second;
    DropHole(range.slab, after);
  }
  AddHole(range.slab, begin, end - begin);
}

std::vector<SlabRange> SlabHeap::HolesIn(const SlabRange& range) const {
  const Slab& slab = slabs_.at(range.slab);
  const std::uint64_t range_end = range.offset + range.bytes;
  std::vector<SlabRange> holes;
  auto hole = slab.holes.upper_bound(range.offset);
  if (hole != slab.holes.begin()) --hole;
  for (; hole != slab.holes.end() && hole->first < range_end; ++hole) {
    const std::uint64_t begin = std::max(hole->first, range.offset);
    const std::uint64_t end = std::min(hole->first + hole->second, range_end);
    if (begin < end) holes.push_back({range.slab, begin, end - begin});
  }
  return holes;
}

std::vector<std::uint32_t> SlabHeap::EmptySlabs() const {
  std::vector<std::uint32_t> empty;
  for (const auto& [number, slab] : slabs_) {
    if (slab.used == 0) empty.push_back(number);
  }
  return empty;
}

std::uint64_t SlabHeap::largest_hole() const {
  return by_size_.empty() ? 0 : by_size_.rbegin()->first;
}

void SlabHeap::AddHole(std::uint32_t slab, std::uint64_t offset, std::uint64_t bytes) {
  slabs_[slab].holes[offset] = bytes;
  by_size_[bytes].insert({slab, offset});
}

void SlabHeap::DropHole(std::uint32_t slab, std::map<std::uint64_t, std::uint64_t>::iterator hole) {
  const auto size = by_size_.find(hole->second);
  size->second.erase({slab, hole->first});
  if (size->second.empty()) by_size_.erase(size);
  slabs_[slab].holes.erase(hole);
}

}  // namespace hadron::device
