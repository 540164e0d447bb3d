#pragma once

#include <memory>

#include "base/executor.h"
#include "device/device.h"
#include "device/opencl/cl.h"

namespace hadron::device::opencl {

/// A stream over a new in-order queue. `context` and `device` outlive it, as does `host_lane`.
base::StatusOr<std::unique_ptr<Stream>> MakeStream(cl_context context, cl_device_id device,
                                                   base::Executor& host_lane);

}  // namespace hadron::device::opencl
