#pragma once

#include <cstdint>
#include <memory>

#include "device/device.h"

namespace hadron::device {

struct HostDeviceOptions {
  std::uint64_t budget_bytes = 0;  ///< bounds what may be reserved
  /// Not 0: plays a card behind a link of so many bytes a second. It does not share the host's
  /// memory (info().host_unified is false), so weights live there twice, and uploads take their
  /// time without work. For tests and benches of residency.
  std::uint64_t copy_bytes_per_second = 0;
};

/// The CPU as a device whose memory is the host's.
std::unique_ptr<Device> MakeHostDevice(std::uint64_t budget_bytes);
std::unique_ptr<Device> MakeHostDevice(const HostDeviceOptions& options);

/// The widest vector extension that kernels may use: "avx512", "avx2" or "generic".
const char* HostIsa();

}  // namespace hadron::device
