#pragma once

#include <cstdint>
#include <memory>

#include "device/device.h"

namespace hadron::device {

/// The CPU as a device whose memory is the host's. `budget_bytes` bounds what it may reserve.
std::unique_ptr<Device> MakeHostDevice(std::uint64_t budget_bytes);

/// The widest vector extension that kernels may use: "avx512", "avx2" or "generic".
const char* HostIsa();

}  // namespace hadron::device
