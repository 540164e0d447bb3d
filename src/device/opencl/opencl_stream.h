#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "device/device.h"
#include "device/opencl/cl.h"

namespace hadron::device::opencl {

/// Where a stream's queue is; outlives the stream. `name` is for messages: "opencl:0".
struct StreamHome {
  cl_context context;
  cl_device_id device;
  std::string name;
};

/// A stream over a new in-order queue. `host_lane` outlives it.
base::StatusOr<std::unique_ptr<Stream>> MakeStream(StreamHome home, base::Executor& host_lane);

}  // namespace hadron::device::opencl
