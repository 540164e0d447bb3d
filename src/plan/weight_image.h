#pragma once

#include <cstdint>
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

  /// Evaluates and packs every use, one tensor at a time; memory comes from `host` and is booked
  /// to `owner` there before it is allocated. Equal uses are packed once.
  static base::StatusOr<std::shared_ptr<const WeightImage>> Pack(const graph::Graph& graph,
                                                                 std::vector<WeightUse> uses,
                                                                 device::Device& host,
                                                                 const std::string& owner);

  const std::vector<Segment>& segments() const { return segments_; }
  /// Null when the constant was not packed that way.
  const WeightRef* Find(graph::ValueId value, Home home, const std::string& packing_key) const;
  /// Keys under which the constant was packed for kernels of `home` (usually one).
  std::string PackingKey(graph::ValueId value, Home home) const;
  std::uint64_t total_bytes() const;

 private:
  using Key = std::tuple<graph::ValueId, Home, std::string>;

  std::vector<Segment> segments_;
  std::map<Key, WeightRef> refs_;
};

/// Immutable answer to "where are the segments now": one view a segment.
class WeightBinding {
 public:
  /// Binds host segments where they are and uploads device segments to `device` through a stream of
  /// its own; blocks until they have arrived (load threads only). `lane` runs the stream's host
  /// tasks.
  static base::StatusOr<std::shared_ptr<const WeightBinding>> Create(
      std::shared_ptr<const WeightImage> image, device::Device& device, base::Executor& lane,
      const std::string& owner);

  backend::BufferView View(const WeightRef& ref) const;

 private:
  std::shared_ptr<const WeightImage> image_;
  std::vector<std::shared_ptr<device::DeviceBuffer>> buffers_;  ///< by segment
};

}  // namespace hadron::plan
