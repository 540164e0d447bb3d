#pragma once

#include <memory>
#include <string>

#include "backend/kernel.h"
#include "base/status.h"
#include "device/device.h"

namespace hadron::cli::explain {

/// The devices of one plan and their kernels.
struct Devices {
  std::unique_ptr<device::Device> host;
  std::unique_ptr<device::Device> accelerator;  ///< null when the host is the device
  backend::KernelRegistry kernels;

  device::Device& device() const { return accelerator == nullptr ? *host : *accelerator; }
};

/// The devices behind a value of --device and of --opencl-family. INVALID_ARGUMENT names the option
/// and what may be given.
base::StatusOr<std::unique_ptr<Devices>> OpenDevices(const std::string& device,
                                                     const std::string& family);

}  // namespace hadron::cli::explain
