#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/io_buf.h"
#include "base/sync.h"
#include "device/slab_heap.h"
#include "plan/io_traffic.h"
#include "plan/lane.h"
#include "tensor/host_tensor.h"

namespace hadron::serving {

/// A tensor that a run has left on the device for another one: on the device until its memory is
/// wanted for something else, in host memory from then on. Thread-safe.
class KeptTensor final : public tensor::RemoteBytes {
 public:
  explicit KeptTensor(plan::DeviceSpan place) : size_(place.bytes), place_(std::move(place)) {}

  std::uint64_t size() const override { return size_; }
  /// Where it is on the device, and stays for as long as the answer lives; without a buffer when it
  /// has come home.
  plan::DeviceSpan place() const;
  /// The bytes, when it has come home.
  base::IoBuf home() const;

  /// Whether it may be copied home: once the run that writes it has ended well.
  void SetReadable(bool readable) const;
  /// From now on it is in host memory.
  void ComeHome(base::IoBuf bytes) const;
  /// Whether it may be copied home and is not there.
  bool Stays() const;

 private:
  const std::uint64_t size_;
  mutable base::Mutex mutex_;
  mutable plan::DeviceSpan place_ HADRON_GUARDED_BY(mutex_);
  mutable base::IoBuf home_ HADRON_GUARDED_BY(mutex_);
  mutable bool readable_ HADRON_GUARDED_BY(mutex_) = false;
};

/// The room on a device for tensors between the steps of ensembles, and who lies in it. It is a
/// part of the device's memory that was to spare (ResidencyManager::TakeSpare): taken when the
/// first tensor wants it, given back when others want it.
///
/// Thread rule: `dev` thread only; the tensors may end on any.
class KeptTensors {
 public:
  /// `most`: bytes that the room may take; 0: nothing is ever kept.
  explicit KeptTensors(std::uint64_t most) : most_(most) {}

  bool enabled() const { return most_ > 0; }
  /// How large a room is to be asked for, so that so many bytes may be kept; 0: none, because there
  /// is one, or because there was none to be had a short time ago.
  std::uint64_t MissingRoom(std::uint64_t bytes, base::TimePoint now) const;
  void GiveRoom(plan::ArenaPlace place);
  /// It is not asked for again for a while.
  void Refused(base::TimePoint now) { not_before_ = now + kPatience; }

  /// A place for so many bytes; null when there is none.
  std::shared_ptr<const KeptTensor> Take(std::uint64_t bytes);
  /// Those that can be copied home.
  std::vector<std::shared_ptr<const KeptTensor>> Staying();
  /// Whether nobody lies in the room.
  bool empty() const;
  /// Whether somebody still lies in a room that was released.
  bool leaving() const { return !left_.expired(); }
  /// The room goes back to the device, with the last who lies in it; it is not asked for again for
  /// a while.
  void Release(base::TimePoint now);

 private:
  static constexpr std::chrono::seconds kPatience{1};
  /// The memory, and what of it is taken.
  struct Room {
    explicit Room(plan::ArenaPlace arena);
    const plan::ArenaPlace arena;
    base::Mutex mutex;
    device::SlabHeap heap HADRON_GUARDED_BY(mutex);
  };
  struct Hold;

  const std::uint64_t most_;
  std::shared_ptr<Room> room_;
  std::weak_ptr<Room> left_;  ///< the one that was released last
  std::vector<std::weak_ptr<const KeptTensor>> tensors_;
  base::TimePoint not_before_;
};

}  // namespace hadron::serving
