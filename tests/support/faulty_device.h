#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "device/device.h"

namespace hadron::test {

/// What of a FaultyDevice fails, once. Shared by the devices of a test; thread-safe.
class MemoryFaults {
 public:
  enum class Kind : std::uint8_t { kReserve, kAllocate };

  /// The call of that kind with this number, from 0, fails; one fault at a time.
  void FailAt(Kind kind, std::uint64_t number);
  /// Whether the fault has happened since FailAt.
  bool Disarm();
  /// For the devices: whether this call is the one.
  bool Fails(Kind kind);

 private:
  std::atomic<Kind> kind_{Kind::kReserve};
  std::atomic<std::int64_t> before_{-1};  ///< calls that still succeed; -1: no fault
  std::atomic<bool> happened_{false};
};

/// A device that does what another one does until the ledger or the driver is told to refuse.
/// memory() is counted as a reservation, so only the product may call it while a fault is armed.
class FaultyDevice final : public device::Device {
 public:
  FaultyDevice(std::unique_ptr<device::Device> device, MemoryFaults& faults)
      : device_(std::move(device)), faults_(faults) {}

  const device::DeviceInfo& info() const override { return device_->info(); }
  device::MemoryPool& memory() override;
  base::StatusOr<std::unique_ptr<device::DeviceBuffer>> Allocate(device::Reservation reservation,
                                                                 std::uint64_t bytes) override;
  base::StatusOr<std::unique_ptr<device::Stream>> CreateStream(base::Executor& lane) override {
    return device_->CreateStream(lane);
  }
  base::StatusOr<std::unique_ptr<device::Program>> BuildProgram(
      std::string_view name, std::string_view source, const std::string& options) override {
    return device_->BuildProgram(name, source, options);
  }
  base::StatusOr<std::unique_ptr<device::Program>> LoadProgram(
      std::string_view name, std::span<const std::byte> binary,
      const std::string& options) override {
    return device_->LoadProgram(name, binary, options);
  }

 private:
  std::unique_ptr<device::Device> device_;
  MemoryFaults& faults_;
  device::MemoryPool exhausted_{0};
};

}  // namespace hadron::test
