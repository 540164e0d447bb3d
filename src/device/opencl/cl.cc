#include "device/opencl/cl.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/strings.h"

namespace hadron::device::opencl {
namespace {

constexpr std::string_view Name(cl_int error) {
#define HADRON_CL_CODE(code) \
  case code:                 \
    return #code
  switch (error) {
    HADRON_CL_CODE(CL_SUCCESS);
    HADRON_CL_CODE(CL_DEVICE_NOT_FOUND);
    HADRON_CL_CODE(CL_DEVICE_NOT_AVAILABLE);
    HADRON_CL_CODE(CL_COMPILER_NOT_AVAILABLE);
    HADRON_CL_CODE(CL_MEM_OBJECT_ALLOCATION_FAILURE);
    HADRON_CL_CODE(CL_OUT_OF_RESOURCES);
    HADRON_CL_CODE(CL_OUT_OF_HOST_MEMORY);
    HADRON_CL_CODE(CL_BUILD_PROGRAM_FAILURE);
    HADRON_CL_CODE(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    HADRON_CL_CODE(CL_INVALID_VALUE);
    HADRON_CL_CODE(CL_INVALID_DEVICE);
    HADRON_CL_CODE(CL_INVALID_CONTEXT);
    HADRON_CL_CODE(CL_INVALID_COMMAND_QUEUE);
    HADRON_CL_CODE(CL_INVALID_MEM_OBJECT);
    HADRON_CL_CODE(CL_INVALID_BINARY);
    HADRON_CL_CODE(CL_INVALID_BUILD_OPTIONS);
    HADRON_CL_CODE(CL_INVALID_PROGRAM);
    HADRON_CL_CODE(CL_INVALID_PROGRAM_EXECUTABLE);
    HADRON_CL_CODE(CL_INVALID_KERNEL_NAME);
    HADRON_CL_CODE(CL_INVALID_KERNEL);
    HADRON_CL_CODE(CL_INVALID_ARG_INDEX);
    HADRON_CL_CODE(CL_INVALID_ARG_VALUE);
    HADRON_CL_CODE(CL_INVALID_ARG_SIZE);
    HADRON_CL_CODE(CL_INVALID_KERNEL_ARGS);
    HADRON_CL_CODE(CL_INVALID_WORK_DIMENSION);
    HADRON_CL_CODE(CL_INVALID_WORK_GROUP_SIZE);
    HADRON_CL_CODE(CL_INVALID_WORK_ITEM_SIZE);
    HADRON_CL_CODE(CL_INVALID_EVENT);
    HADRON_CL_CODE(CL_INVALID_OPERATION);
    HADRON_CL_CODE(CL_INVALID_BUFFER_SIZE);
    HADRON_CL_CODE(CL_INVALID_GLOBAL_WORK_SIZE);
    default:
      return "an unknown code";
  }
#undef HADRON_CL_CODE
}

bool IsMemoryShortage(cl_int error) {
  return error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_RESOURCES ||
         error == CL_OUT_OF_HOST_MEMORY || error == CL_INVALID_BUFFER_SIZE;
}

}  // namespace

std::string ErrorText(cl_int error) { return fmt::format("{} ({})", Name(error), error); }

base::Status CheckCl(cl_int error, std::string_view function) {
  if (error == CL_SUCCESS) return {};
  std::string text = fmt::format("{}: {}", function, ErrorText(error));
  return IsMemoryShortage(error) ? base::ResourceExhausted(std::move(text))
                                 : base::Internal(std::move(text));
}

std::string DeviceText(cl_device_id device, cl_device_info what) {
  std::size_t size = 0;
  if (clGetDeviceInfo(device, what, 0, nullptr, &size) != CL_SUCCESS || size == 0) return {};
  std::string text(size, '\0');
  if (clGetDeviceInfo(device, what, size, text.data(), nullptr) != CL_SUCCESS) return {};
  text.resize(text.find('\0'));
  return std::string(base::Trim(text));
}

}  // namespace hadron::device::opencl
