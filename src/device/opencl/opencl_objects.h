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

/// A kernel with its arguments; keeps its program alive through the driver's references.
class OpenClKernel final : public DeviceKernel {
 public:
  OpenClKernel(std::string name, ClKernel kernel)
      : name_(std::move(name)), kernel_(std::move(kernel)) {}

  base::Status SetBuffer(unsigned index, DeviceBuffer& buffer) override {
    const cl_mem handle = AsOpenCl(buffer).handle();
    return Set(index, sizeof(handle), &handle);
  }
  base::Status SetBytes(unsigned index, std::span<const std::byte> value) override {
    return Set(index, value.size(), value.data());
  }
  cl_kernel handle() const { return kernel_.get(); }
  const std::string& name() const { return name_; }

 private:
  base::Status Set(unsigned index, std::size_t size, const void* value) {
    return CheckCl(clSetKernelArg(kernel_.get(), index, size, value), "clSetKernelArg")
        .With(fmt::format("argument {} of kernel '{}'", index, name_));
  }

  std::string name_;
  ClKernel kernel_;
};

class OpenClProgram final : public Program {
 public:
  OpenClProgram(std::string name, ClProgram program)
      : name_(std::move(name)), program_(std::move(program)) {}

  base::StatusOr<std::unique_ptr<DeviceKernel>> CreateKernel(const std::string& name) override {
    cl_int error = CL_SUCCESS;
    ClKernel kernel(clCreateKernel(program_.get(), name.c_str(), &error));
    HADRON_RETURN_IF_ERROR(CheckCl(error, "clCreateKernel")
                               .With(fmt::format("kernel '{}' of program '{}'", name, name_)));
    return std::unique_ptr<DeviceKernel>(std::make_unique<OpenClKernel>(name, std::move(kernel)));
  }

  base::StatusOr<std::vector<std::byte>> Binary() override {
    const std::string label = fmt::format("binary of program '{}'", name_);
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
  ClProgram program_;
};

}  // namespace hadron::device::opencl
