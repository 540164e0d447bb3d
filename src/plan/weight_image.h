#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/kernel.h"
#include "base/executor.h"
#include "base/sha256.h"
#include "base/status.h"
#include "device/device.h"
#include "graph/graph.h"

namespace hadron::plan {

/// Where kernels read a weight from: the host (CPU kernels) or the device.
enum class Home : std::uint8_t { kHost, kDevice };

/// A packed tensor in the image: plans address weights like this, never by buffer, so a plan
/// survives eviction, compaction and sharing.
struct WeightRef {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// What a plan wants packed: a constant of the graph in a kernel's packing, for one home.
struct WeightUse {
  graph::ValueId value = graph::kNoValue;
  Home home = Home::kHost;
  backend::Packing packing;
};

class SharedSegments;

/// Immutable table of a model's packed weights: position-independent segments, one for each tensor
/// of 64 KiB and up, one per home for all smaller ones. Thread-safe.
class WeightImage {
 public:
  struct Segment {
    Home home = Home::kHost;
    std::uint64_t bytes = 0;
    std::uint64_t alignment = 256;
    base::Sha256Digest hash{};                   ///< of the packed bytes: equal content, equal hash
    std::shared_ptr<device::DeviceBuffer> host;  ///< the packed bytes in host memory
  };

  struct PackOptions {
    std::string owner = "model";       ///< in the ledger of host memory
    SharedSegments* shared = nullptr;  ///< what others hold already is not held twice
    /// Told of each segment when it has been packed, while others may still be on their way; all
    /// sizes are known from the beginning.
    std::function<void(const WeightImage&, std::uint32_t segment)> packed = {};
  };
  /// Evaluates and packs every use, one tensor at a time; memory comes from `host`, all of it is
  /// booked there before the first byte. Equal uses are packed once; a segment that turns out to be
  /// in host memory already gives its own back at once.
  static base::StatusOr<std::shared_ptr<const WeightImage>> Pack(const graph::Graph& graph,
                                                                 std::vector<WeightUse> uses,
                                                                 device::Device& host,
                                                                 const PackOptions& options);

  const std::vector<Segment>& segments() const { return segments_; }
  /// Null when the constant was not packed that way.
  const WeightRef* Find(graph::ValueId value, Home home, const std::string& packing_key) const;
  /// Keys under which the constant was packed for kernels of `home` (usually one).
  std::string PackingKey(graph::ValueId value, Home home) const;
  std::uint64_t total_bytes() const;
  /// The same table over other copies of the packed bytes: one a segment, null where they are not
  /// in memory.
  std::shared_ptr<const WeightImage> Over(
      std::vector<std::shared_ptr<device::DeviceBuffer>> copies) const;
  /// Its ranges of host memory, each once, and their bytes.
  std::map<const device::DeviceBuffer*, std::uint64_t> HostRanges() const;

 private:
  class Packer;
  using Key = std::tuple<graph::ValueId, Home, std::string>;

  std::vector<Segment> segments_;
  std::map<Key, WeightRef> refs_;
};

/// Where a segment is.
struct SegmentPlace {
  std::shared_ptr<device::DeviceBuffer> buffer;
  std::uint64_t offset = 0;  ///< of the segment in the buffer
  /// Its bytes are there once this is reached; null: they are there.
  std::shared_ptr<const device::Event> ready;
  std::shared_ptr<const void> hold;  ///< what keeps the place from being given to others
};

/// Answer to "where are the segments now": a place for each. Immutable but for what becomes of an
/// upload under way; thread-safe. The places are free again when the last reference goes: a run
/// that has been started keeps them.
class WeightBinding {
 public:
  WeightBinding() = default;
  /// One place a segment of the image. `last` goes when all places have been given back.
  WeightBinding(std::shared_ptr<const WeightImage> image, std::vector<SegmentPlace> places,
                std::shared_ptr<const void> last = nullptr)
      : image_(std::move(image)), last_(std::move(last)), places_(std::move(places)) {}

  /// Host segments where they are; nothing to do. For images that have no others.
  static std::shared_ptr<const WeightBinding> InPlace(std::shared_ptr<const WeightImage> image);
  /// Binds host segments where they are and uploads device segments to `device` through a stream of
  /// its own; blocks until they have arrived (load threads only). `lane` runs the stream's host
  /// tasks.
  static base::StatusOr<std::shared_ptr<const WeightBinding>> Create(
      std::shared_ptr<const WeightImage> image, device::Device& device, base::Executor& lane,
      const std::string& owner);

  backend::BufferView View(const WeightRef& ref) const;
  const std::vector<SegmentPlace>& places() const { return places_; }

  /// Nothing is to be waited for any more.
  bool settled() const;
  /// Null when the segment's bytes are there.
  std::shared_ptr<const device::Event> Pending(std::uint32_t segment) const;
  /// The upload has failed: what ran on these weights is worth nothing.
  bool failed() const { return failed_.load(); }
  void MarkFailed() const { failed_.store(true); }

 private:
  std::shared_ptr<const WeightImage> image_;
  std::shared_ptr<const void> last_;
  std::vector<SegmentPlace> places_;  ///< by segment
  mutable std::atomic<bool> settled_{false};
  mutable std::atomic<bool> failed_{false};
};

}  // namespace hadron::plan
