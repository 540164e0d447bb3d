#include "support/driver_faults.h"

#include <dlfcn.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "base/sync.h"
#include "device/opencl/cl.h"

namespace hadron::test {
namespace {

struct Code {
  std::string_view function;
  cl_int error;
};

/// What drivers answer when they lack memory, lose the device, or cannot compile.
constexpr std::array<Code, 17> kCodes = {{
    {"clBuildProgram", CL_BUILD_PROGRAM_FAILURE},
    {"clCreateBuffer", CL_MEM_OBJECT_ALLOCATION_FAILURE},
    {"clCreateCommandQueue", CL_OUT_OF_HOST_MEMORY},
    {"clCreateKernel", CL_OUT_OF_HOST_MEMORY},
    {"clCreateProgramWithBinary", CL_INVALID_BINARY},
    {"clCreateProgramWithSource", CL_OUT_OF_HOST_MEMORY},
    {"clCreateUserEvent", CL_OUT_OF_HOST_MEMORY},
    {"clEnqueueBarrierWithWaitList", CL_OUT_OF_RESOURCES},
    {"clEnqueueMarkerWithWaitList", CL_OUT_OF_RESOURCES},
    {"clEnqueueMigrateMemObjects", CL_MEM_OBJECT_ALLOCATION_FAILURE},
    {"clEnqueueNDRangeKernel", CL_OUT_OF_RESOURCES},
    {"clEnqueueReadBuffer", CL_OUT_OF_RESOURCES},
    {"clEnqueueWriteBuffer", CL_OUT_OF_RESOURCES},
    {"clFinish", CL_OUT_OF_RESOURCES},
    {"clFlush", CL_OUT_OF_RESOURCES},
    {"clSetEventCallback", CL_OUT_OF_HOST_MEMORY},
    {"clSetKernelArg", CL_OUT_OF_RESOURCES},
}};

cl_int CodeOf(std::string_view function) {
  for (const Code& code : kCodes) {
    if (code.function == function) return code.error;
  }
  HADRON_CHECK(!"no such function");
  return CL_SUCCESS;
}

struct Fault {
  base::Mutex mutex;
  std::string function HADRON_GUARDED_BY(mutex);
  bool lost HADRON_GUARDED_BY(mutex) = false;         ///< all enqueues, not one function
  std::uint64_t before HADRON_GUARDED_BY(mutex) = 0;  ///< calls that still succeed
  bool happened HADRON_GUARDED_BY(mutex) = false;
};

Fault& TheFault() {
  static Fault fault;
  return fault;
}

/// What this call is to answer instead of asking the driver; CL_SUCCESS: ask it.
cl_int Answer(std::string_view function) {
  Fault& fault = TheFault();
  base::MutexLock lock(fault.mutex);
  const bool meant = fault.lost ? function.starts_with("clEnqueue")
                                : fault.function == function && !fault.happened;
  if (!meant) return CL_SUCCESS;
  if (fault.before > 0) {
    --fault.before;
    return CL_SUCCESS;
  }
  fault.happened = true;
  return fault.lost ? CL_OUT_OF_RESOURCES : CodeOf(function);
}

/// The same for functions that return an object.
bool Refused(std::string_view function, cl_int* error) {
  const cl_int answer = Answer(function);
  if (answer != CL_SUCCESS && error != nullptr) *error = answer;
  return answer != CL_SUCCESS;
}

}  // namespace

void DriverFaults::FailAt(std::string_view function, std::uint64_t number) {
  CodeOf(function);  // must be known
  Fault& fault = TheFault();
  base::MutexLock lock(fault.mutex);
  fault.function = function;
  fault.before = number;
  fault.happened = false;
}

void DriverFaults::LoseDeviceAt(std::uint64_t number) {
  Fault& fault = TheFault();
  base::MutexLock lock(fault.mutex);
  fault.lost = true;
  fault.before = number;
  fault.happened = false;
}

bool DriverFaults::Disarm() {
  Fault& fault = TheFault();
  base::MutexLock lock(fault.mutex);
  fault.function.clear();
  fault.lost = false;
  return std::exchange(fault.happened, false);
}

std::string DriverFaults::CodeText(std::string_view function) {
  return device::opencl::ErrorText(CodeOf(function));
}

}  // namespace hadron::test

// The program's own definitions come before the library's; the library's are the next ones.
#define HADRON_DRIVER(function) reinterpret_cast<decltype(&(function))>(dlsym(RTLD_NEXT, #function))
#define HADRON_REFUSE(function) \
  if (const cl_int answer = hadron::test::Answer(#function); answer != CL_SUCCESS) return answer

// NOLINTBEGIN(readability-identifier-naming): the driver's names
extern "C" {

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id* devices,
                      const char* options, void(CL_CALLBACK* notify)(cl_program, void*),
                      void* data) {
  HADRON_REFUSE(clBuildProgram);
  return HADRON_DRIVER(clBuildProgram)(program, count, devices, options, notify, data);
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, std::size_t size, void* host,
                      cl_int* error) {
  if (hadron::test::Refused("clCreateBuffer", error)) return nullptr;
  return HADRON_DRIVER(clCreateBuffer)(context, flags, size, host, error);
}

cl_command_queue clCreateCommandQueue(cl_context context, cl_device_id device,
                                      cl_command_queue_properties properties, cl_int* error) {
  if (hadron::test::Refused("clCreateCommandQueue", error)) return nullptr;
  return HADRON_DRIVER(clCreateCommandQueue)(context, device, properties, error);
}

cl_kernel clCreateKernel(cl_program program, const char* name, cl_int* error) {
  if (hadron::test::Refused("clCreateKernel", error)) return nullptr;
  return HADRON_DRIVER(clCreateKernel)(program, name, error);
}

cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id* devices,
                                     const std::size_t* sizes, const unsigned char** binaries,
                                     cl_int* taken, cl_int* error) {
  if (hadron::test::Refused("clCreateProgramWithBinary", error)) return nullptr;
  return HADRON_DRIVER(clCreateProgramWithBinary)(context, count, devices, sizes, binaries, taken,
                                                  error);
}

cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char** texts,
                                     const std::size_t* sizes, cl_int* error) {
  if (hadron::test::Refused("clCreateProgramWithSource", error)) return nullptr;
  return HADRON_DRIVER(clCreateProgramWithSource)(context, count, texts, sizes, error);
}

cl_event clCreateUserEvent(cl_context context, cl_int* error) {
  if (hadron::test::Refused("clCreateUserEvent", error)) return nullptr;
  return HADRON_DRIVER(clCreateUserEvent)(context, error);
}

cl_int clEnqueueBarrierWithWaitList(cl_command_queue queue, cl_uint count, const cl_event* waits,
                                    cl_event* event) {
  HADRON_REFUSE(clEnqueueBarrierWithWaitList);
  return HADRON_DRIVER(clEnqueueBarrierWithWaitList)(queue, count, waits, event);
}

cl_int clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint count, const cl_event* waits,
                                   cl_event* event) {
  HADRON_REFUSE(clEnqueueMarkerWithWaitList);
  return HADRON_DRIVER(clEnqueueMarkerWithWaitList)(queue, count, waits, event);
}

cl_int clEnqueueMigrateMemObjects(cl_command_queue queue, cl_uint count, const cl_mem* memories,
                                  cl_mem_migration_flags flags, cl_uint wait_count,
                                  const cl_event* waits, cl_event* event) {
  HADRON_REFUSE(clEnqueueMigrateMemObjects);
  return HADRON_DRIVER(clEnqueueMigrateMemObjects)(queue, count, memories, flags, wait_count, waits,
                                                   event);
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                              const std::size_t* offset, const std::size_t* global,
                              const std::size_t* local, cl_uint count, const cl_event* waits,
                              cl_event* event) {
  HADRON_REFUSE(clEnqueueNDRangeKernel);
  return HADRON_DRIVER(clEnqueueNDRangeKernel)(queue, kernel, dimensions, offset, global, local,
                                               count, waits, event);
}

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                           std::size_t offset, std::size_t size, void* to, cl_uint count,
                           const cl_event* waits, cl_event* event) {
  HADRON_REFUSE(clEnqueueReadBuffer);
  return HADRON_DRIVER(clEnqueueReadBuffer)(queue, memory, blocking, offset, size, to, count, waits,
                                            event);
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                            std::size_t offset, std::size_t size, const void* from, cl_uint count,
                            const cl_event* waits, cl_event* event) {
  HADRON_REFUSE(clEnqueueWriteBuffer);
  return HADRON_DRIVER(clEnqueueWriteBuffer)(queue, memory, blocking, offset, size, from, count,
                                             waits, event);
}

cl_int clFinish(cl_command_queue queue) {
  HADRON_REFUSE(clFinish);
  return HADRON_DRIVER(clFinish)(queue);
}

cl_int clFlush(cl_command_queue queue) {
  HADRON_REFUSE(clFlush);
  return HADRON_DRIVER(clFlush)(queue);
}

cl_int clSetEventCallback(cl_event event, cl_int status,
                          void(CL_CALLBACK* notify)(cl_event, cl_int, void*), void* data) {
  HADRON_REFUSE(clSetEventCallback);
  return HADRON_DRIVER(clSetEventCallback)(event, status, notify, data);
}

cl_int clSetKernelArg(cl_kernel kernel, cl_uint index, std::size_t size, const void* value) {
  HADRON_REFUSE(clSetKernelArg);
  return HADRON_DRIVER(clSetKernelArg)(kernel, index, size, value);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
