#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/sync.h"
#include "base/unique_function.h"
#include "device/device.h"
#include "device/slab_compaction.h"
#include "device/slab_heap.h"
#include "plan/lane.h"
#include "plan/weight_image.h"

namespace hadron::model {

/// The weights in a device's memory: parts of slabs, one for each distinct content. Equal tensors
/// of different models, versions and instances are one range with several holders, so a family of
/// fine-tuned models costs its differences; only segments of 64 KiB and more are shared. Slabs are
/// booked in the device's ledger, so the budget bounds their sum; one that has become empty goes
/// back to the driver when Trim is called.
///
/// Owner: ResidencyManager. Thread-safe; ranges come back from any thread. Outlives every place it
/// has given.
class WeightStore {
 public:
  struct Options {
    std::uint64_t slab_bytes = 0;   ///< usual size; 0: budget / 4, within 8 and 256 MiB
    std::string owner = "weights";  ///< of the slabs in the ledger
    bool share = true;              ///< equal segments are one range
  };
  /// `freed` is called, from any thread and under no lock, when ranges have come back.
  WeightStore(device::Device& device, Options options, base::UniqueFunction<void()> freed);
  WeightStore(const WeightStore&) = delete;
  WeightStore& operator=(const WeightStore&) = delete;
  ~WeightStore();

  /// Whether a segment of this home goes to the device; others are read where the image has them.
  static bool Places(plan::Home home, const device::DeviceInfo& device);

  struct Placement {
    std::vector<plan::SegmentPlace> places;  ///< by segment
    std::vector<std::uint32_t> to_fill;      ///< ascending: segments that are not there yet
    std::uint64_t fill_bytes = 0;
  };
  /// A place for every segment, all or nothing; nothing when there is no room as long as nobody
  /// leaves. Whoever is given `to_fill` fills them before anybody reads, and calls Filling with the
  /// events. Errors are the device's: it refuses memory that the ledger says it has.
  base::StatusOr<std::optional<Placement>> Place(const plan::WeightImage& image);
  /// Whether a segment can be placed before the rest of its image: if it goes by its content.
  bool PlacesAhead(const plan::WeightImage::Segment& segment) const;
  /// Places of so many bytes for segments whose content is not known yet, all or none; none when
  /// there is no room. 0: no place.
  base::StatusOr<std::vector<plan::SegmentPlace>> Reserve(std::span<const std::uint64_t> sizes);
  struct Claimed {
    plan::SegmentPlace place;
    bool to_fill = false;  ///< its bytes are not there: copy them, call Filling, then Offer
  };
  /// The segment, of 64 KiB or more, that such a place was for: it is there already, or it is to be
  /// filled. With no place one is looked for; nothing: no room. Nobody is given a share of it
  /// before Offer, so that nobody depends on a copy that may fail.
  base::StatusOr<std::optional<Claimed>> Claim(const plan::SegmentPlace& reserved,
                                               const plan::WeightImage::Segment& segment);
  /// Whether it is there, or on its way.
  bool Holds(const plan::WeightImage::Segment& segment) const;
  /// The place's bytes have come: images with this content find it.
  void Offer(const plan::SegmentPlace& place);
  /// A range whose bytes are to be copied; both ends are held until the move goes.
  struct Move {
    plan::SegmentPlace from;
    plan::SegmentPlace to;
    std::uint64_t bytes = 0;
  };
  /// What has to be copied so that the image's segments, or an arena of so many bytes, find holes:
  /// the fewest bytes for each. As many segments as there is a way for; none when there is none for
  /// the first that has no hole. Whoever is given moves copies them, calls Filling with the event,
  /// and lets the holders of `from` hold `to`. Ranges of `fixed` (see Share) stay: batches have
  /// been formed with them, and one that waits for an arena would wait for itself to let go.
  std::vector<Move> MakeHoles(const plan::WeightImage& image, const std::set<const void*>& fixed);
  std::vector<Move> MakeHole(std::uint64_t bytes, const std::set<const void*>& fixed);
  /// One piece for a lane's intermediate tensors; nothing when there is no room.
  base::StatusOr<std::optional<plan::ArenaPlace>> PlaceArena(std::uint64_t bytes);
  /// Others who share the range wait for the event, too.
  void Filling(const plan::SegmentPlace& place, std::shared_ptr<const device::Event> ready);
  /// What the place's readers wait for; null for places outside the store.
  std::shared_ptr<const device::Event> Ready(const plan::SegmentPlace& place) const;

  /// The bytes of these places did not arrive: from here on nobody is given a share of them.
  void Distrust(const std::vector<plan::SegmentPlace>& places);

  /// A range, for whoever counts its holders.
  struct Share {
    const void* range = nullptr;
    std::uint64_t bytes = 0;
    device::SlabRange where;
  };
  /// What these places hold in slabs, each range once.
  std::vector<Share> Shares(const std::vector<plan::SegmentPlace>& places) const;
  /// Those of an image's ranges that are there now, each once.
  std::vector<Share> Found(const plan::WeightImage& image) const;
  /// Bytes that PlaceArena takes for so many.
  std::uint64_t ArenaBytes(std::uint64_t bytes) const;
  /// Bytes that Place would have to find for the image now, rounded as it does.
  std::uint64_t MissingBytes(const plan::WeightImage& image) const;
  /// What an image needs, rounded as Place does.
  struct Need {
    std::uint64_t bytes = 0;          ///< if it were alone
    std::uint64_t added_bytes = 0;    ///< beyond what the images before it need
    std::uint64_t missing_bytes = 0;  ///< of these, not there now
  };
  /// For each image, one after the other.
  std::vector<Need> Needs(std::span<const plan::WeightImage* const> images) const;
  /// What the store could hold at most: the budget less what others have reserved.
  std::uint64_t capacity() const;
  std::uint64_t used_bytes() const;   ///< arenas included
  std::uint64_t arena_bytes() const;  ///< of these, of lanes
  std::uint64_t slab_bytes() const;
  /// Sizes of the slabs there are, by their numbers.
  std::map<std::uint32_t, std::uint64_t> SlabSizes() const;
  /// Bytes that Place may find without anything being given back, holes not counted as too small.
  std::uint64_t free_bytes() const;

  /// Gives empty slabs back to the driver.
  void Trim();

 private:
  struct Range;
  using RangeRef = std::shared_ptr<Range>;

  RangeRef Shared(const plan::WeightImage::Segment& segment) const HADRON_REQUIRES(mutex_);
  /// Null: no room.
  base::StatusOr<RangeRef> NewRange(std::uint64_t bytes, const base::Sha256Digest& hash)
      HADRON_REQUIRES(mutex_);
  /// False: no room.
  base::StatusOr<bool> AddSlab(std::uint64_t bytes) HADRON_REQUIRES(mutex_);
  void Return(Range* range);
  /// `alive` outlives the lock: it may hold the last reference of a range.
  std::vector<Move> MovesFor(std::span<const std::uint64_t> sizes,
                             const std::set<const void*>& fixed, std::vector<RangeRef>& alive)
      HADRON_REQUIRES(mutex_);
  RangeRef Lock(const plan::SegmentPlace& place) const HADRON_REQUIRES(mutex_);
  RangeRef Hold(const device::SlabRange& where, const base::Sha256Digest& hash)
      HADRON_REQUIRES(mutex_);
  std::vector<std::shared_ptr<device::DeviceBuffer>> TakeEmptySlabs() HADRON_REQUIRES(mutex_);
  std::uint64_t FreeBudget() const;
  device::SlabRoom RoomForSlabs() const { return {FreeBudget(), options_.slab_bytes}; }

  device::Device& device_;
  const device::MemoryPool& ledger_;  ///< for reading
  const Options options_;
  base::UniqueFunction<void()> freed_;
  mutable base::Mutex mutex_;
  device::SlabHeap heap_ HADRON_GUARDED_BY(mutex_);
  std::map<std::uint32_t, std::shared_ptr<device::DeviceBuffer>> slabs_ HADRON_GUARDED_BY(mutex_);
  std::map<base::Sha256Digest, std::weak_ptr<Range>> by_content_ HADRON_GUARDED_BY(mutex_);
  struct Given {
    device::SlabRange where;
    std::weak_ptr<Range> range;
  };
  std::map<std::pair<std::uint32_t, std::uint64_t>, Given> given_  ///< by slab and offset
      HADRON_GUARDED_BY(mutex_);
  std::uint64_t arena_bytes_ HADRON_GUARDED_BY(mutex_) = 0;
};

}  // namespace hadron::model
