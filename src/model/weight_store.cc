#include "model/weight_store.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <utility>

#include "plan/shared_segments.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusOr;
using plan::SegmentPlace;
using plan::WeightImage;

constexpr std::uint64_t kAlignment = 256;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::uint64_t kSharedBytes = plan::kSharedSegmentBytes;

/// The order in which places are looked for: the largest first, so that the small ones fill what
/// those leave of slabs and a model that takes nearly all of a card fits on it.
std::vector<std::uint32_t> LargestFirst(std::span<const std::uint64_t> sizes) {
  std::vector<std::uint32_t> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](std::uint32_t i) { return sizes[i]; });
  return order;
}

std::vector<std::uint32_t> LargestFirst(const WeightImage& image) {
  std::vector<std::uint64_t> sizes;
  for (const auto& segment : image.segments()) sizes.push_back(segment.bytes);
  return LargestFirst(sizes);
}

std::uint64_t UsualSlab(std::uint64_t budget, std::uint64_t largest) {
  return std::min(std::clamp(budget / 4, 8 * kMiB, 256 * kMiB), largest);
}

}  // namespace

struct WeightStore::Range {
  device::SlabRange where;
  base::Sha256Digest hash{};
  std::shared_ptr<device::DeviceBuffer> slab;
  std::shared_ptr<const device::Event> ready;
  bool arena = false;
  bool taken_back = false;  ///< by the Place that could not have all: no news
};

WeightStore::WeightStore(device::Device& device, Options options,
                         base::UniqueFunction<void()> freed)
    : device_(device),
      ledger_(device.memory()),
      options_([&] {
        if (options.slab_bytes == 0) {
          options.slab_bytes = UsualSlab(ledger_.budget(), device.info().max_allocation);
        }
        return std::move(options);
      }()),
      freed_(std::move(freed)),
      heap_(std::max<std::uint64_t>(kAlignment, device.info().base_align)) {}

WeightStore::~WeightStore() { HADRON_DCHECK(used_bytes() == 0); }

bool WeightStore::Places(plan::Home home, const device::DeviceInfo& device) {
  if (home == plan::Home::kDevice) return true;
  return device.kind == device::DeviceKind::kHost && !device.host_unified;
}

WeightStore::RangeRef WeightStore::Shared(const WeightImage::Segment& segment) const {
  if (!options_.share || segment.bytes < kSharedBytes) return nullptr;
  const auto it = by_content_.find(segment.hash);
  return it == by_content_.end() ? nullptr : it->second.lock();
}

StatusOr<bool> WeightStore::AddSlab(std::uint64_t bytes) {
  const std::uint64_t least = heap_.Rounded(bytes);
  // An empty slab that is too small for this one is in its way.
  if (FreeBudget() < least) TakeEmptySlabs();
  const auto size = RoomForSlabs().NewSlab(least);
  if (!size) return false;
  auto reservation = device_.memory().Reserve(options_.owner, *size);
  if (!reservation.ok() && FreeBudget() < *size) return false;  // somebody was faster
  if (!reservation.ok()) return std::move(reservation).status();
  HADRON_ASSIGN_OR_RETURN(auto slab, device_.Allocate(std::move(reservation).value(), *size));
  slabs_[heap_.Add(*size)] = std::move(slab);
  return true;
}

StatusOr<WeightStore::RangeRef> WeightStore::NewRange(std::uint64_t bytes,
                                                      const base::Sha256Digest& hash) {
  auto where = heap_.Take(bytes);
  if (!where) {
    HADRON_ASSIGN_OR_RETURN(const bool added, AddSlab(bytes));
    if (!added) return RangeRef();
    where = heap_.Take(bytes);
  }
  return Hold(*where, hash);
}

WeightStore::RangeRef WeightStore::Hold(const device::SlabRange& where,
                                        const base::Sha256Digest& hash) {
  RangeRef range(new Range{where, hash, slabs_[where.slab], nullptr},  // NOLINT
                 [this](Range* gone) { Return(gone); });
  given_[{where.slab, where.offset}] = {where, range};
  return range;
}

StatusOr<std::optional<plan::ArenaPlace>> WeightStore::PlaceArena(std::uint64_t bytes) {
  base::MutexLock lock(mutex_);
  HADRON_ASSIGN_OR_RETURN(RangeRef range, NewRange(bytes, {}));
  if (range == nullptr) return std::optional<plan::ArenaPlace>();
  range->arena = true;
  arena_bytes_ += range->where.bytes;
  plan::ArenaPlace place{range->slab, range->where.offset, range->where.bytes, range};
  return std::optional(std::move(place));
}

std::uint64_t WeightStore::ArenaBytes(std::uint64_t bytes) const {
  base::MutexLock lock(mutex_);
  return heap_.Rounded(bytes);
}

StatusOr<std::optional<WeightStore::Placement>> WeightStore::Place(const WeightImage& image) {
  std::optional<Placement> placed(std::in_place);
  Placement& placement = *placed;
  // Declared before the lock: what a failure gives back returns after it.
  std::vector<RangeRef> ranges(image.segments().size());
  base::MutexLock lock(mutex_);
  for (const std::uint32_t i : LargestFirst(image)) {
    const WeightImage::Segment& segment = image.segments()[i];
    if (!Places(segment.home, device_.info())) continue;
    ranges[i] = Shared(segment);
    if (ranges[i] != nullptr) continue;
    auto range = NewRange(segment.bytes, segment.hash);
    if (!range.ok() || *range == nullptr) {
      for (const std::uint32_t taken : placement.to_fill) ranges[taken]->taken_back = true;
      if (!range.ok()) return std::move(range).status();
      return std::optional<Placement>();
    }
    ranges[i] = std::move(range).value();
    if (options_.share && segment.bytes >= kSharedBytes) by_content_[segment.hash] = ranges[i];
    placement.to_fill.push_back(i);
    placement.fill_bytes += segment.bytes;
  }
  std::ranges::sort(placement.to_fill);  // the order in which they are read
  for (std::uint32_t i = 0; i < image.segments().size(); ++i) {
    const RangeRef& range = ranges[i];
    if (range == nullptr) {
      placement.places.push_back(
          {.buffer = image.segments()[i].host, .ready = nullptr, .hold = nullptr});
    } else {
      placement.places.push_back({range->slab, range->where.offset, range->ready, range});
    }
  }
  return placed;
}

std::vector<WeightStore::Move> WeightStore::MovesFor(std::span<const std::uint64_t> sizes,
                                                     const std::set<const void*>& fixed,
                                                     std::vector<RangeRef>& alive) {
  std::vector<device::HeldRange> held;
  for (const auto& [at, given] : given_) {
    const RangeRef& range = alive.emplace_back(given.range.lock());
    const bool there = range != nullptr && (range->ready == nullptr || range->ready->done());
    const bool movable = there && !range->arena && !fixed.contains(range.get());
    held.push_back({given.where, movable});
  }
  std::vector<Move> moves;
  for (const auto& [from_at, to_at] : device::MakeHoles(heap_, held, sizes, RoomForSlabs())) {
    const RangeRef from = given_.at({from_at.slab, from_at.offset}).range.lock();
    const RangeRef to = Hold(to_at, from->hash);
    const auto shared = by_content_.find(from->hash);
    if (shared != by_content_.end() && alive.emplace_back(shared->second.lock()) == from) {
      shared->second = to;
    }
    moves.push_back({{from->slab, from_at.offset, nullptr, from},
                     {to->slab, to_at.offset, nullptr, to},
                     from_at.bytes});
  }
  return moves;
}

std::vector<WeightStore::Move> WeightStore::MakeHoles(const WeightImage& image,
                                                      const std::set<const void*>& fixed) {
  std::vector<RangeRef> alive;
  base::MutexLock lock(mutex_);
  std::vector<std::uint64_t> sizes;
  for (const std::uint32_t i : LargestFirst(image)) {
    const WeightImage::Segment& segment = image.segments()[i];
    const bool missing =
        Places(segment.home, device_.info()) && alive.emplace_back(Shared(segment)) == nullptr;
    if (missing) sizes.push_back(segment.bytes);
  }
  return MovesFor(sizes, fixed, alive);
}

std::vector<WeightStore::Move> WeightStore::MakeHole(std::uint64_t bytes,
                                                     const std::set<const void*>& fixed) {
  std::vector<RangeRef> alive;
  base::MutexLock lock(mutex_);
  return MovesFor(std::span(&bytes, 1), fixed, alive);
}

void WeightStore::Filling(const SegmentPlace& place, std::shared_ptr<const device::Event> ready) {
  RangeRef range;  // let go of after the lock
  base::MutexLock lock(mutex_);
  range = Lock(place);
  range->ready = std::move(ready);
}

/// Places are held without the right to change their ranges.
WeightStore::RangeRef WeightStore::Lock(const SegmentPlace& place) const {
  const auto& where = std::static_pointer_cast<const Range>(place.hold)->where;
  return given_.at({where.slab, where.offset}).range.lock();
}

bool WeightStore::PlacesAhead(const WeightImage::Segment& segment) const {
  return options_.share && segment.bytes >= kSharedBytes && Places(segment.home, device_.info());
}

StatusOr<std::vector<SegmentPlace>> WeightStore::Reserve(std::span<const std::uint64_t> sizes) {
  std::vector<SegmentPlace> places(sizes.size());  // a failure gives them back after the lock
  base::MutexLock lock(mutex_);
  for (const std::uint32_t i : LargestFirst(sizes)) {
    if (sizes[i] == 0) break;
    HADRON_ASSIGN_OR_RETURN(const RangeRef range, NewRange(sizes[i], {}));
    if (range == nullptr) return std::vector<SegmentPlace>();
    places[i] = {range->slab, range->where.offset, nullptr, range};
  }
  return places;
}

StatusOr<std::optional<WeightStore::Claimed>> WeightStore::Claim(
    const SegmentPlace& reserved, const WeightImage::Segment& segment) {
  RangeRef range;  // as above
  base::MutexLock lock(mutex_);
  range = Shared(segment);
  const bool there = range != nullptr;
  if (!there && reserved.hold != nullptr) range = Lock(reserved);
  if (range == nullptr) {
    HADRON_ASSIGN_OR_RETURN(range, NewRange(segment.bytes, segment.hash));
    if (range == nullptr) return std::optional<Claimed>();
  }
  range->hash = segment.hash;
  SegmentPlace place{range->slab, range->where.offset, range->ready, range};
  return std::optional(Claimed{std::move(place), !there});
}

bool WeightStore::Holds(const WeightImage::Segment& segment) const {
  RangeRef range;  // as above
  base::MutexLock lock(mutex_);
  range = Shared(segment);
  return range != nullptr;
}

void WeightStore::Offer(const SegmentPlace& place) {
  RangeRef range;  // as above
  RangeRef other;
  base::MutexLock lock(mutex_);
  range = Lock(place);
  auto& known = by_content_[range->hash];
  other = known.lock();
  if (other == nullptr) known = range;
}

void WeightStore::Distrust(const std::vector<SegmentPlace>& places) {
  std::vector<RangeRef> held;  // the last holder must not go under the lock
  base::MutexLock lock(mutex_);
  for (const SegmentPlace& place : places) {
    if (place.hold == nullptr) continue;
    const auto range = std::static_pointer_cast<const Range>(place.hold);
    const auto it = by_content_.find(range->hash);
    if (it == by_content_.end()) continue;
    if (held.emplace_back(it->second.lock()) == range) by_content_.erase(it);
  }
}

void WeightStore::Return(Range* gone) {
  const std::unique_ptr<Range> range(gone);
  {
    base::MutexLock lock(mutex_);
    given_.erase({range->where.slab, range->where.offset});
    heap_.Give(range->where);
    if (range->arena) arena_bytes_ -= range->where.bytes;
    const auto it = by_content_.find(range->hash);
    // Another range with this content may have come since the last holder left.
    if (it != by_content_.end() && it->second.expired()) by_content_.erase(it);
  }
  if (!range->taken_back) freed_();
}

std::shared_ptr<const device::Event> WeightStore::Ready(const SegmentPlace& place) const {
  base::MutexLock lock(mutex_);
  return place.hold == nullptr ? nullptr : std::static_pointer_cast<const Range>(place.hold)->ready;
}

std::vector<WeightStore::Share> WeightStore::Shares(const std::vector<SegmentPlace>& places) const {
  std::map<const void*, Share> shares;
  for (const SegmentPlace& place : places) {
    if (place.hold == nullptr) continue;
    const auto range = std::static_pointer_cast<const Range>(place.hold);
    Share& share = shares[range.get()];
    share = {range.get(), range->where.bytes, range->where};
  }
  std::vector<Share> list;
  for (const auto& [range, share] : shares) list.push_back(share);
  return list;
}

std::vector<WeightStore::Share> WeightStore::Found(const WeightImage& image) const {
  std::map<const void*, Share> shares;
  std::vector<RangeRef> held;  // the last holder must not go under the lock
  base::MutexLock lock(mutex_);
  for (const WeightImage::Segment& segment : image.segments()) {
    if (!Places(segment.home, device_.info())) continue;
    const RangeRef& range = held.emplace_back(Shared(segment));
    if (range != nullptr) shares[range.get()] = {range.get(), range->where.bytes, range->where};
  }
  std::vector<Share> list;
  for (const auto& [range, share] : shares) list.push_back(share);
  return list;
}

std::map<std::uint32_t, std::uint64_t> WeightStore::SlabSizes() const {
  base::MutexLock lock(mutex_);
  std::map<std::uint32_t, std::uint64_t> sizes;
  for (const auto& [number, slab] : slabs_) sizes[number] = heap_.Size(number);
  return sizes;
}

std::uint64_t WeightStore::MissingBytes(const WeightImage& image) const {
  base::MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  std::set<base::Sha256Digest> counted;
  for (const WeightImage::Segment& segment : image.segments()) {
    if (!Places(segment.home, device_.info()) || Shared(segment) != nullptr) continue;
    const bool shares = options_.share && segment.bytes >= kSharedBytes;
    if (shares && !counted.insert(segment.hash).second) continue;
    bytes += heap_.Rounded(segment.bytes);
  }
  return bytes;
}

std::vector<WeightStore::Need> WeightStore::Needs(
    std::span<const WeightImage* const> images) const {
  base::MutexLock lock(mutex_);
  std::vector<Need> needs;
  std::set<base::Sha256Digest> together;
  for (const WeightImage* image : images) {
    Need& need = needs.emplace_back();
    std::set<base::Sha256Digest> alone;
    for (const WeightImage::Segment& segment : image->segments()) {
      if (!Places(segment.home, device_.info())) continue;
      const std::uint64_t bytes = heap_.Rounded(segment.bytes);
      const bool shares = options_.share && segment.bytes >= kSharedBytes;
      if (shares && !alone.insert(segment.hash).second) continue;
      need.bytes += bytes;
      if (shares && !together.insert(segment.hash).second) continue;
      need.added_bytes += bytes;
      if (Shared(segment) == nullptr) need.missing_bytes += bytes;
    }
  }
  return needs;
}

std::uint64_t WeightStore::FreeBudget() const {
  return ledger_.budget() - std::min(ledger_.budget(), ledger_.reserved());
}

std::uint64_t WeightStore::capacity() const {
  base::MutexLock lock(mutex_);
  return heap_.slab_bytes() + FreeBudget();
}

std::uint64_t WeightStore::used_bytes() const {
  base::MutexLock lock(mutex_);
  return heap_.used_bytes();
}

std::uint64_t WeightStore::arena_bytes() const {
  base::MutexLock lock(mutex_);
  return arena_bytes_;
}

std::uint64_t WeightStore::slab_bytes() const {
  base::MutexLock lock(mutex_);
  return heap_.slab_bytes();
}

std::uint64_t WeightStore::free_bytes() const {
  base::MutexLock lock(mutex_);
  return heap_.free_bytes() + FreeBudget();
}

std::vector<std::shared_ptr<device::DeviceBuffer>> WeightStore::TakeEmptySlabs() {
  std::vector<std::shared_ptr<device::DeviceBuffer>> taken;
  for (const std::uint32_t slab : heap_.EmptySlabs()) {
    heap_.Remove(slab);
    taken.push_back(std::move(slabs_.extract(slab).mapped()));
  }
  return taken;
}

void WeightStore::Trim() {
  std::vector<std::shared_ptr<device::DeviceBuffer>> gone;  // released after the lock
  base::MutexLock lock(mutex_);
  gone = TakeEmptySlabs();
}

}  // namespace hadron::model
