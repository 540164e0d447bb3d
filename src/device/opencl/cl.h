#pragma once

/// The only way to the OpenCL API: version 1.2, handles that release themselves, errors as Status.
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadron::device::opencl {

template <auto kRelease>
struct ClReleaser {
  template <typename Handle>
  void operator()(Handle* handle) const {
    kRelease(handle);
  }
};

/// Owners of OpenCL objects. The driver counts references: releasing an object that enqueued work
/// still uses is allowed and never waits.
using ClContext = std::unique_ptr<_cl_context, ClReleaser<&clReleaseContext>>;
using ClQueue = std::unique_ptr<_cl_command_queue, ClReleaser<&clReleaseCommandQueue>>;
using ClMemory = std::unique_ptr<_cl_mem, ClReleaser<&clReleaseMemObject>>;
using ClProgram = std::unique_ptr<_cl_program, ClReleaser<&clReleaseProgram>>;
using ClKernel = std::unique_ptr<_cl_kernel, ClReleaser<&clReleaseKernel>>;
using ClEvent = std::unique_ptr<_cl_event, ClReleaser<&clReleaseEvent>>;

/// "CL_OUT_OF_RESOURCES (-5)".
std::string ErrorText(cl_int error);

/// OK for CL_SUCCESS, else "clFunction: CL_CODE (-n)": RESOURCE_EXHAUSTED when the driver lacks
/// memory, INTERNAL for everything else.
base::Status CheckCl(cl_int error, std::string_view function);

/// A string property of a device, "" when the driver does not know it.
std::string DeviceText(cl_device_id device, cl_device_info what);

/// A number property of a device, zero when the driver does not know it.
template <typename T>
T DeviceNumber(cl_device_id device, cl_device_info what) {
  T value{};
  return clGetDeviceInfo(device, what, sizeof(T), &value, nullptr) == CL_SUCCESS ? value : T{};
}

}  // namespace hadron::device::opencl
