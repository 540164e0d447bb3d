#include "device/opencl/platforms.h"

#include <algorithm>
#include <string>
#include <utility>

namespace hadron::device {
namespace opencl {
namespace {

/// CL_PLATFORM_NOT_FOUND_KHR and every other failure mean the same here: nothing to offer.
std::vector<cl_platform_id> Platforms() {
  cl_uint count = 0;
  if (clGetPlatformIDs(0, nullptr, &count) != CL_SUCCESS || count == 0) return {};
  std::vector<cl_platform_id> platforms(count);
  if (clGetPlatformIDs(count, platforms.data(), nullptr) != CL_SUCCESS) return {};
  return platforms;
}

std::vector<cl_device_id> DevicesOf(cl_platform_id platform) {
  cl_uint count = 0;
  if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS) return {};
  std::vector<cl_device_id> devices(count);
  if (count == 0 ||
      clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, devices.data(), nullptr) != CL_SUCCESS) {
    return {};
  }
  return devices;
}

std::string PlatformName(cl_platform_id platform) {
  std::size_t size = 0;
  if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, 0, nullptr, &size) != CL_SUCCESS) return {};
  std::string name(size, '\0');
  if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, size, name.data(), nullptr) != CL_SUCCESS) {
    return {};
  }
  return name.substr(0, name.find('\0'));
}

OpenClType TypeOf(cl_device_id device) {
  const auto type = DeviceNumber<cl_device_type>(device, CL_DEVICE_TYPE);
  if ((type & CL_DEVICE_TYPE_GPU) != 0) return OpenClType::kGpu;
  if ((type & CL_DEVICE_TYPE_CPU) != 0) return OpenClType::kCpu;
  return OpenClType::kOther;
}

}  // namespace

std::vector<FoundDevice> FindDevices() {
  std::vector<FoundDevice> found;
  for (cl_platform_id platform : Platforms()) {
    const std::string platform_name = PlatformName(platform);
    for (cl_device_id device : DevicesOf(platform)) {
      found.push_back({.ref = {.index = 0,
                               .platform = platform_name,
                               .name = DeviceText(device, CL_DEVICE_NAME),
                               .type = TypeOf(device)},
                       .id = device});
    }
  }
  std::ranges::stable_sort(found, {}, [](const FoundDevice& f) { return f.ref.type; });
  for (unsigned i = 0; i < found.size(); ++i) found[i].ref.index = i;
  return found;
}

}  // namespace opencl

const char* OpenClTypeName(OpenClType type) {
  switch (type) {
    case OpenClType::kGpu:
      return "gpu";
    case OpenClType::kCpu:
      return "cpu";
    case OpenClType::kOther:
      return "other";
  }
  return "other";
}

std::vector<OpenClDeviceRef> ListOpenClDevices() {
  std::vector<OpenClDeviceRef> refs;
  for (opencl::FoundDevice& found : opencl::FindDevices()) refs.push_back(std::move(found.ref));
  return refs;
}

}  // namespace hadron::device
