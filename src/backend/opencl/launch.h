#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/kernel.h"
#include "base/check.h"
#include "base/status.h"
#include "device/device.h"

namespace hadron::backend::opencl {

/// Sets the arguments of a kernel one after the other; keeps the first failure. For one kernel on
/// one thread.
///
///     ArgumentWriter arguments(*kernel);
///     arguments.Tensor(args.inputs[0]).Tensor(args.outputs[0]).Scalar(count);
///     HADRON_RETURN_IF_ERROR(arguments.Finish());
class ArgumentWriter {
 public:
  explicit ArgumentWriter(device::DeviceKernel& kernel) : kernel_(kernel) {}

  /// Two arguments: the buffer, and the tensor's place in it in floats (ulong).
  ArgumentWriter& Tensor(const BufferView& view) {
    HADRON_CHECK(view.buffer != nullptr && view.offset % sizeof(float) == 0);
    if (status_.ok()) status_ = kernel_.SetBuffer(next_++, *view.buffer);
    return Scalar(view.offset / sizeof(float));
  }
  /// A number, or a struct that the kernel declares alike.
  template <typename T>
  ArgumentWriter& Scalar(const T& value) {
    if (status_.ok()) status_ = kernel_.SetScalar(next_++, value);
    return *this;
  }
  base::Status Finish() { return std::move(status_); }

 private:
  device::DeviceKernel& kernel_;
  unsigned next_ = 0;
  base::Status status_;
};

/// A kernel with its arguments and its sizes.
struct Work {
  std::unique_ptr<device::DeviceKernel> kernel;
  std::array<std::size_t, 3> global;
  std::array<std::size_t, 3> local;
};

/// A Launch that enqueues kernels in order.
/// HADRON_GROUP of kernels/common.clh: work-items of a group of HADRON_KERNEL.
inline constexpr std::size_t kGroupItems = 256;

std::unique_ptr<Launch> MakeLaunch(std::vector<Work> works);

/// UNIMPLEMENTED: the next backend takes the node.
base::Status NotHere(const KernelRequest& request, std::string_view why);

/// UNIMPLEMENTED unless every input and output that is there is FP32 with at least one and less
/// than 2^31 elements.
base::Status RequireFloats(const KernelRequest& request);

/// A spec whose memory is in this order.
bool IsPlain(const TensorSpec& spec);
bool IsChannelsLast(const TensorSpec& spec);

}  // namespace hadron::backend::opencl
