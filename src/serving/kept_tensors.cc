#include "serving/kept_tensors.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace hadron::serving {
namespace {

/// Base alignment of any device, and of vectors in its memory.
constexpr std::uint64_t kAlignment = 256;
/// A room is made for so many batches like the one that asked for it.
constexpr std::uint64_t kBatches = 16;
constexpr std::uint64_t kLeastRoom = std::uint64_t{1} << 20U;

}  // namespace

plan::DeviceSpan KeptTensor::place() const {
  base::MutexLock lock(mutex_);
  return place_;
}

base::IoBuf KeptTensor::home() const {
  base::MutexLock lock(mutex_);
  return home_;
}

void KeptTensor::SetReadable(bool readable) const {
  base::MutexLock lock(mutex_);
  readable_ = readable;
}

void KeptTensor::ComeHome(base::IoBuf bytes) const {
  plan::DeviceSpan gone;  // gives the place back, which takes another lock
  base::MutexLock lock(mutex_);
  home_ = std::move(bytes);
  std::swap(gone, place_);
}

bool KeptTensor::Stays() const {
  base::MutexLock lock(mutex_);
  return readable_ && place_.buffer != nullptr;
}

KeptTensors::Room::Room(plan::ArenaPlace place) : arena(std::move(place)), heap(kAlignment) {
  heap.Add(arena.bytes / kAlignment * kAlignment);
}

/// Of a part of the room, and of the room.
struct KeptTensors::Hold {
  Hold(std::shared_ptr<Room> in, const device::SlabRange& part)
      : room(std::move(in)), range(part) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    base::MutexLock lock(room->mutex);
    room->heap.Give(range);
  }
  const std::shared_ptr<Room> room;
  const device::SlabRange range;
};

std::uint64_t KeptTensors::MissingRoom(std::uint64_t bytes, base::TimePoint now) const {
  if (bytes == 0 || bytes > most_ || now < not_before_) return 0;
  if (room_ != nullptr && (room_->arena.bytes >= bytes || !empty())) return 0;
  return std::clamp(bytes * kBatches, std::min(kLeastRoom, most_), most_);
}

void KeptTensors::GiveRoom(plan::ArenaPlace place) {
  room_ = std::make_shared<Room>(std::move(place));
}

std::shared_ptr<const KeptTensor> KeptTensors::Take(std::uint64_t bytes) {
  if (room_ == nullptr || bytes == 0) return nullptr;
  std::optional<device::SlabRange> range;
  {
    base::MutexLock lock(room_->mutex);
    range = room_->heap.Take(bytes);
  }
  if (!range) return nullptr;
  auto tensor = std::make_shared<const KeptTensor>(
      plan::DeviceSpan{room_->arena.buffer.get(), room_->arena.offset + range->offset, bytes,
                       std::make_shared<const Hold>(room_, *range)});
  std::erase_if(tensors_, [](const auto& old) { return old.expired(); });
  tensors_.push_back(tensor);
  return tensor;
}

std::vector<std::shared_ptr<const KeptTensor>> KeptTensors::Staying() {
  std::vector<std::shared_ptr<const KeptTensor>> staying;
  for (const auto& weak : tensors_) {
    auto tensor = weak.lock();
    if (tensor != nullptr && tensor->Stays()) staying.push_back(std::move(tensor));
  }
  return staying;
}

bool KeptTensors::empty() const {
  if (room_ == nullptr) return true;
  base::MutexLock lock(room_->mutex);
  return room_->heap.used_bytes() == 0;
}

void KeptTensors::Release(base::TimePoint now) {
  if (room_ == nullptr) return;
  left_ = room_;
  room_.reset();
  not_before_ = now + kPatience;
}

}  // namespace hadron::serving
