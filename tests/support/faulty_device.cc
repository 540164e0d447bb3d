#include "support/faulty_device.h"

namespace hadron::test {

void MemoryFaults::FailAt(Kind kind, std::uint64_t number) {
  kind_.store(kind);
  happened_.store(false);
  before_.store(static_cast<std::int64_t>(number));
}

bool MemoryFaults::Disarm() {
  before_.store(-1);
  return happened_.exchange(false);
}

bool MemoryFaults::Fails(Kind kind) {
  if (kind_.load() != kind || before_.load() < 0) return false;
  if (before_.fetch_sub(1) > 0) return false;
  happened_.store(true);
  return true;
}

device::MemoryPool& FaultyDevice::memory() {
  return faults_.Fails(MemoryFaults::Kind::kReserve) ? exhausted_ : device_->memory();
}

base::StatusOr<std::unique_ptr<device::DeviceBuffer>> FaultyDevice::Allocate(
    device::Reservation reservation, std::uint64_t bytes) {
  if (!faults_.Fails(MemoryFaults::Kind::kAllocate)) {
    return device_->Allocate(std::move(reservation), bytes);
  }
  return base::ResourceExhausted("planted: " + info().id + " allocates nothing more");
}

}  // namespace hadron::test
