#include "plan/weight_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <span>
#include <tuple>

#include "base/checked.h"

namespace hadron::plan {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kOwnSegmentBytes = 64 * 1024;
constexpr std::uint64_t kTensorAlignment = 256;

Status PackInto(const graph::Graph& graph, const WeightUse& use, std::span<std::byte> to) {
  HADRON_ASSIGN_OR_RETURN(const auto tensor, graph.value(use.value).constant->Evaluate());
  if (use.packing.pack) return use.packing.pack(tensor, to);
  tensor.bytes.CopyTo(to);
  return {};
}

StatusOr<std::shared_ptr<device::DeviceBuffer>> AllocateHost(device::Device& host,
                                                             const std::string& owner,
                                                             std::uint64_t bytes) {
  HADRON_ASSIGN_OR_RETURN(auto reservation, host.memory().Reserve(owner, bytes));
  HADRON_ASSIGN_OR_RETURN(auto buffer, host.Allocate(std::move(reservation), bytes));
  std::memset(buffer->host(), 0, bytes);  // gaps between tensors are part of the hash
  return std::shared_ptr<device::DeviceBuffer>(std::move(buffer));
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

StatusOr<std::shared_ptr<const WeightImage>> WeightImage::Pack(const graph::Graph& graph,
                                                               std::vector<WeightUse> uses,
                                                               device::Device& host,
                                                               const std::string& owner) {
  auto image = std::make_shared<WeightImage>();
  std::vector<const WeightUse*> todo;
  std::array<std::optional<std::uint32_t>, 2> shared;
  for (WeightUse& use : uses) {
    if (use.packing.key.empty() && !use.packing.pack) {
      use.packing.bytes = graph.value(use.value).constant->byte_size();
    }
    const Key key{use.value, use.home, use.packing.key};
    if (image->refs_.contains(key)) continue;
    todo.push_back(&use);
    auto& slot = shared[static_cast<std::size_t>(use.home)];
    std::uint32_t segment = slot.value_or(0);
    if (use.packing.bytes >= kOwnSegmentBytes || !slot) {
      segment = static_cast<std::uint32_t>(image->segments_.size());
      image->segments_.push_back({.home = use.home, .host = nullptr});
      if (use.packing.bytes < kOwnSegmentBytes) slot = segment;
    }
    std::uint64_t& end = image->segments_[segment].bytes;
    image->refs_[key] = {segment, end, use.packing.bytes};
    end = base::AlignUp(end + use.packing.bytes, kTensorAlignment);
  }
  for (Segment& segment : image->segments_) {
    HADRON_ASSIGN_OR_RETURN(segment.host, AllocateHost(host, owner, segment.bytes));
  }
  // In the order in which bytes come that are still on their way, and each segment is hashed as
  // soon as it is whole: so packing keeps pace with a download.
  std::vector<std::uint32_t> missing(image->segments_.size(), 0);
  for (const WeightUse* use : todo) ++missing[image->RefOf(*use).segment];
  std::ranges::stable_sort(
      todo, {}, [&](const WeightUse* use) { return graph.value(use->value).constant->order(); });
  for (const WeightUse* use : todo) {
    const WeightRef& ref = image->RefOf(*use);
    std::byte* at = image->segments_[ref.segment].host->host() + ref.offset;
    Status packed = PackInto(graph, *use, {at, ref.bytes});
    if (!packed.ok()) {
      return std::move(packed).With(
          fmt::format("packing weights '{}'", graph.value(use->value).name));
    }
    if (--missing[ref.segment] > 0) continue;
    Segment& segment = image->segments_[ref.segment];
    segment.hash = base::Sha256::Of({segment.host->host(), segment.bytes});
  }
  return std::shared_ptr<const WeightImage>(std::move(image));
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
