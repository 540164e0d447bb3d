#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "device/device.h"
#include "device/opencl/cl.h"

namespace hadron::device::opencl {

/// Memory of an OpenCL device. The base class gives the reservation back after `memory_` has been
/// released.
class OpenClBuffer final : public DeviceBuffer {
 public:
  OpenClBuffer(Reservation reservation, std::uint64_t bytes, ClMemory memory)
      : DeviceBuffer(std::move(reservation), bytes), memory_(std::move(memory)) {}
  std::byte* host() override { return nullptr; }
  cl_mem handle() const { return memory_.get(); }

 private:
  ClMemory memory_;
};

/// Every DeviceBuffer handed to this device was made by it.
inline OpenClBuffer& AsOpenCl(DeviceBuffer& buffer) { return static_cast<OpenClBuffer&>(buffer); }

/// A kernel with its arguments; keeps its program alive through the driver's references. `label` is
/// for messages: "kernel 'gemm' on opencl:0".
class OpenClKernel final : public DeviceKernel {
 public:
  OpenClKernel(std::string label, ClKernel kernel)
      : label_(std::move(label)), kernel_(std::move(kernel)) {}

  base::Status SetBuffer(unsigned index, DeviceBuffer& buffer) override {
    const cl_mem handle = AsOpenCl(buffer).handle();
    return Set(index, sizeof(handle), &handle);
  }
  base::Status SetBytes(unsigned index, std::span<const std::byte> value) override {
    return Set(index, value.size(), value.data());
  }
  cl_kernel handle() const { return kernel_.get(); }
  const std::string& label() const { return label_; }

 private:
  base::Status Set(unsigned index, std::size_t size, const void* value) {
    const cl_int error = clSetKernelArg(kernel_.get(), index, size, value);
    if (error == CL_SUCCESS) return {};
    return CheckCl(error, "clSetKernelArg").With(fmt::format("argument {} of {}", index, label_));
  }

  std::string label_;
  ClKernel kernel_;
};

class OpenClProgram final : public Program {
 public:
  OpenClProgram(std::string name, std::string device, ClProgram program)
      : name_(std::move(name)), device_(std::move(device)), program_(std::move(program)) {}

  base::StatusOr<std::unique_ptr<DeviceKernel>> CreateKernel(const std::string& name) override {
    cl_int error = CL_SUCCESS;
    ClKernel kernel(clCreateKernel(program_.get(), name.c_str(), &error));
    HADRON_RETURN_IF_ERROR(
        CheckCl(error, "clCreateKernel")
            .With(fmt::format("kernel '{}' of program '{}' on {}", name, name_, device_)));
    return std::unique_ptr<DeviceKernel>(std::make_unique<OpenClKernel>(
        fmt::format("kernel '{}' on {}", name, device_), std::move(kernel)));
  }

  base::StatusOr<std::vector<std::byte>> Binary() override {
    const std::string label = fmt::format("binary of program '{}' on {}", name_, device_);
    std::size_t size = 0;  // contexts have one device, so there is one binary
    HADRON_RETURN_IF_ERROR(CheckCl(clGetProgramInfo(program_.get(), CL_PROGRAM_BINARY_SIZES,
                                                    sizeof(size), &size, nullptr),
                                   "clGetProgramInfo")
                               .With(label));
    std::vector<std::byte> binary(size);
    auto* data = reinterpret_cast<unsigned char*>(binary.data());
    HADRON_RETURN_IF_ERROR(
        CheckCl(clGetProgramInfo(program_.get(), CL_PROGRAM_BINARIES, sizeof(data), &data, nullptr),
                "clGetProgramInfo")
            .With(label));
    return binary;
  }

 private:
  std::string name_;
  std::string device_;
  ClProgram program_;
};

}  // namespace hadron::device::opencl
