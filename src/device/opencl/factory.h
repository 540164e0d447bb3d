#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "device/device.h"

namespace hadron::device {

enum class OpenClType : std::uint8_t { kGpu, kCpu, kOther };
/// "gpu", "cpu" or "other".
const char* OpenClTypeName(OpenClType type);

/// One OpenCL device of this machine; `index` is the number in "opencl:0".
struct OpenClDeviceRef {
  unsigned index = 0;
  std::string platform;
  std::string name;
  OpenClType type = OpenClType::kOther;
};

/// All OpenCL devices: GPUs first, then CPUs, then the rest, each in the platforms' order. Empty
/// when there is no platform. Loads the drivers at the first call (up to 0.3 s). Thread-safe.
std::vector<OpenClDeviceRef> ListOpenClDevices();

/// The device of that number; `budget_bytes` bounds what may be reserved on it. NOT_FOUND lists the
/// devices there are.
///
///     HADRON_ASSIGN_OR_RETURN(auto device, MakeOpenClDevice(0, 4 * kGiB));
base::StatusOr<std::unique_ptr<Device>> MakeOpenClDevice(unsigned index,
                                                         std::uint64_t budget_bytes);

}  // namespace hadron::device
