#pragma once

#include <vector>

#include "device/opencl/cl.h"
#include "device/opencl/factory.h"

namespace hadron::device::opencl {

struct FoundDevice {
  OpenClDeviceRef ref;
  cl_device_id id = nullptr;  ///< lives as long as the process
};

/// The devices in the order of ListOpenClDevices().
std::vector<FoundDevice> FindDevices();

}  // namespace hadron::device::opencl
