#include "plan/weight_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <optional>
#include <span>
#include <tuple>

#include "base/checked.h"
#include "plan/shared_segments.h"

namespace hadron::plan {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kOwnSegmentBytes = kSharedSegmentBytes;
constexpr std::uint64_t kTensorAlignment = 256;

Status PackInto(const graph::Graph& graph, const WeightUse& use, std::span<std::byte> to) {
  HADRON_ASSIGN_OR_RETURN(const auto tensor, graph.value(use.value).constant->Evaluate());
  if (use.packing.pack) return use.packing.pack(tensor, to);
  tensor.bytes.CopyTo(to);
  return {};
}

/// Copies the device's segments and waits until the copies have ended, well or not.
Status Upload(const WeightImage& image, std::span<const SegmentPlace> places,
              device::Device& device, base::Executor& lane) {
  HADRON_ASSIGN_OR_RETURN(const auto stream, device.CreateStream(lane));
  for (std::size_t i = 0; i < places.size(); ++i) {
    const WeightImage::Segment& segment = image.segments()[i];
    if (segment.home != Home::kDevice) continue;
    stream->Upload({segment.host->host(), segment.bytes}, *places[i].buffer, 0);
  }
  std::promise<Status> arrived;
  stream->Record([&arrived](Status status) { arrived.set_value(std::move(status)); });
  stream->Flush();
  return arrived.get_future().get().With("uploading weights");
}

}  // namespace

/// Makes one image.
class WeightImage::Packer {
 public:
  Packer(const graph::Graph& graph, device::Device& host, const PackOptions& options)
      : graph_(graph), host_(host), options_(options), image_(std::make_shared<WeightImage>()) {}

  StatusOr<std::shared_ptr<const WeightImage>> Pack(std::vector<WeightUse>& uses) {
    for (WeightUse& use : uses) Lay(use);
    HADRON_ASSIGN_OR_RETURN(booked_, host_.memory().Reserve(options_.owner, image_->total_bytes()));
    missing_.resize(image_->segments_.size(), 0);
    for (const WeightUse* use : todo_) ++missing_[RefOf(*use).segment];
    // In the order in which bytes come that are still on their way, and each segment is hashed as
    // soon as it is whole: so packing keeps pace with a download.
    std::ranges::stable_sort(todo_, {}, [this](const WeightUse* use) {
      return graph_.value(use->value).constant->order();
    });
    for (const WeightUse* use : todo_) HADRON_RETURN_IF_ERROR(PackOne(*use));
    return std::shared_ptr<const WeightImage>(std::move(image_));
  }

 private:
  const WeightRef& RefOf(const WeightUse& use) const {
    return image_->refs_.at({use.value, use.home, use.packing.key});
  }

  /// Gives the use its place in a segment.
  void Lay(WeightUse& use) {
    if (use.packing.key.empty() && !use.packing.pack) {
      use.packing.bytes = graph_.value(use.value).constant->byte_size();
    }
    const Key key{use.value, use.home, use.packing.key};
    if (image_->refs_.contains(key)) return;
    todo_.push_back(&use);
    auto& slot = small_[static_cast<std::size_t>(use.home)];
    std::uint32_t segment = slot.value_or(0);
    if (use.packing.bytes >= kOwnSegmentBytes || !slot) {
      segment = static_cast<std::uint32_t>(image_->segments_.size());
      image_->segments_.push_back({.home = use.home, .host = nullptr});
      if (use.packing.bytes < kOwnSegmentBytes) slot = segment;
    }
    std::uint64_t& end = image_->segments_[segment].bytes;
    image_->refs_[key] = {segment, end, use.packing.bytes};
    end = base::AlignUp(end + use.packing.bytes, kTensorAlignment);
  }

  Status PackOne(const WeightUse& use) {
    const WeightRef& ref = RefOf(use);
    Segment& segment = image_->segments_[ref.segment];
    if (segment.host == nullptr) HADRON_RETURN_IF_ERROR(Allocate(segment));
    Status packed = PackInto(graph_, use, {segment.host->host() + ref.offset, ref.bytes});
    if (!packed.ok()) {
      return std::move(packed).With(
          fmt::format("packing weights '{}'", graph_.value(use.value).name));
    }
    if (--missing_[ref.segment] > 0) return {};
    segment.hash = base::Sha256::Of({segment.host->host(), segment.bytes});
    if (options_.shared != nullptr) {
      segment.host = options_.shared->Share(segment.hash, std::move(segment.host));
    }
    if (options_.packed) options_.packed(*image_, ref.segment);
    return {};
  }

  /// At the first use, so that memory which turns out to be shared is taken one segment at a time.
  Status Allocate(Segment& segment) {
    HADRON_ASSIGN_OR_RETURN(segment.host,
                            host_.Allocate(booked_.Split(segment.bytes), segment.bytes));
    std::memset(segment.host->host(), 0, segment.bytes);  // gaps between tensors are hashed, too
    return {};
  }

  const graph::Graph& graph_;
  device::Device& host_;
  const PackOptions& options_;
  std::shared_ptr<WeightImage> image_;
  device::Reservation booked_;  ///< what has not been allocated of the image
  std::vector<const WeightUse*> todo_;
  std::array<std::optional<std::uint32_t>, 2> small_;  ///< by home: the segment of small tensors
  std::vector<std::uint32_t> missing_;                 ///< uses to be packed, by segment
};

StatusOr<std::shared_ptr<const WeightImage>> WeightImage::Pack(const graph::Graph& graph,
                                                               std::vector<WeightUse> uses,
                                                               device::Device& host,
                                                               const PackOptions& options) {
  return Packer(graph, host, options).Pack(uses);
}

const WeightRef* WeightImage::Find(graph::ValueId value, Home home,
                                   const std::string& packing_key) const {
  const auto it = refs_.find({value, home, packing_key});
  return it == refs_.end() ? nullptr : &it->second;
}

std::string WeightImage::PackingKey(graph::ValueId value, Home home) const {
  // Several keys exist when two nodes read one constant differently; the plain one is no choice.
  std::string found;
  for (auto it = refs_.lower_bound({value, home, ""}); it != refs_.end(); ++it) {
    if (std::get<0>(it->first) != value || std::get<1>(it->first) != home) break;
    found = std::get<2>(it->first);
  }
  return found;
}

std::uint64_t WeightImage::total_bytes() const {
  std::uint64_t total = 0;
  for (const Segment& segment : segments_) total += segment.bytes;
  return total;
}

std::shared_ptr<const WeightImage> WeightImage::Over(
    std::vector<std::shared_ptr<device::DeviceBuffer>> copies) const {
  HADRON_CHECK(copies.size() == segments_.size());
  auto image = std::make_shared<WeightImage>(*this);
  for (std::size_t i = 0; i < copies.size(); ++i) image->segments_[i].host = std::move(copies[i]);
  return image;
}

std::map<const device::DeviceBuffer*, std::uint64_t> WeightImage::HostRanges() const {
  std::map<const device::DeviceBuffer*, std::uint64_t> ranges;
  for (const Segment& segment : segments_) ranges[segment.host.get()] = segment.bytes;
  return ranges;
}

StatusOr<std::shared_ptr<const WeightBinding>> WeightBinding::Create(
    std::shared_ptr<const WeightImage> image, device::Device& device, base::Executor& lane,
    const std::string& owner) {
  // All memory before the first copy: a refusal must not leave copies under way.
  std::vector<SegmentPlace> places;
  std::uint64_t to_upload = 0;
  for (const WeightImage::Segment& segment : image->segments()) {
    if (segment.home == Home::kHost) {
      places.push_back({.buffer = segment.host, .ready = nullptr, .hold = nullptr});
      continue;
    }
    HADRON_ASSIGN_OR_RETURN(auto reservation, device.memory().Reserve(owner, segment.bytes));
    HADRON_ASSIGN_OR_RETURN(auto buffer, device.Allocate(std::move(reservation), segment.bytes));
    places.push_back({.buffer = std::move(buffer), .ready = nullptr, .hold = nullptr});
    to_upload += segment.bytes;
  }
  if (to_upload > 0) HADRON_RETURN_IF_ERROR(Upload(*image, places, device, lane));
  return std::make_shared<const WeightBinding>(std::move(image), std::move(places));
}

std::shared_ptr<const WeightBinding> WeightBinding::InPlace(
    std::shared_ptr<const WeightImage> image) {
  std::vector<SegmentPlace> places;
  for (const WeightImage::Segment& segment : image->segments()) {
    HADRON_CHECK(segment.home == Home::kHost);
    places.push_back({.buffer = segment.host, .ready = nullptr, .hold = nullptr});
  }
  return std::make_shared<const WeightBinding>(std::move(image), std::move(places));
}

backend::BufferView WeightBinding::View(const WeightRef& ref) const {
  const SegmentPlace& place = places_[ref.segment];
  const std::uint64_t offset = place.offset + ref.offset;
  std::byte* host = place.buffer->host();
  return {place.buffer.get(), offset, ref.bytes, host == nullptr ? nullptr : host + offset,
          nullptr};
}

bool WeightBinding::settled() const {
  if (settled_.load(std::memory_order_acquire)) return true;
  const bool all = std::ranges::all_of(places_, [](const SegmentPlace& place) {
    return place.ready == nullptr || place.ready->done();
  });
  if (all) settled_.store(true, std::memory_order_release);
  return all;
}

std::shared_ptr<const device::Event> WeightBinding::Pending(std::uint32_t segment) const {
  const auto& ready = places_[segment].ready;
  return ready == nullptr || ready->done() ? nullptr : ready;
}

}  // namespace hadron::plan
