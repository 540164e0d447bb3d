// Which implementations plans are made for: devices by --device, as the server's wiring does it.
#include "cli/explain/wiring.h"

#include <fmt/format.h>

#include <optional>

#include "base/strings.h"
#include "base/system_limits.h"
#include "device/host/factory.h"
#ifdef HADRON_HAVE_OPENCL
#include "device/opencl/factory.h"
#endif

namespace hadron::cli::explain {
namespace {

using base::InvalidArgument;
using base::StatusOr;

/// Number of an OpenCL device; nothing for the CPU.
StatusOr<std::optional<unsigned>> OpenClIndex(const std::string& device) {
  if (device == "auto" || device == "cpu") return std::optional<unsigned>();
  if (device == "opencl") return std::optional<unsigned>(0);
  if (device.starts_with("opencl:")) {
    const auto index = base::ParseUint64(device.substr(7));
    if (index && *index < 1024) return std::optional<unsigned>(static_cast<unsigned>(*index));
  }
  return InvalidArgument(
      fmt::format("--device={}: expected auto, cpu, opencl or opencl:<n>", device));
}

#ifdef HADRON_HAVE_OPENCL
StatusOr<backend::OpenClFamily> FamilyOf(const std::string& family) {
  if (family == "auto") return backend::OpenClFamily::kAuto;
  if (family == "cpu") return backend::OpenClFamily::kCpu;
  if (family == "gpu") return backend::OpenClFamily::kGpu;
  return InvalidArgument(fmt::format("--opencl-family={}: expected auto, cpu or gpu", family));
}
#endif

}  // namespace

StatusOr<std::unique_ptr<Devices>> OpenDevices(const std::string& device,
                                               const std::string& family) {
  const std::uint64_t budget = base::ReadSystemLimits().memory_bytes / 2;
  auto devices = std::make_unique<Devices>();
  devices->host = device::MakeHostDevice(budget);
  backend::RegisterNativeKernels(devices->kernels);
  HADRON_ASSIGN_OR_RETURN(const auto index, OpenClIndex(device));
  if (!index) {
    if (family == "auto") return devices;
    return InvalidArgument("--opencl-family is for OpenCL devices: add --device=opencl");
  }
#ifdef HADRON_HAVE_OPENCL
  HADRON_ASSIGN_OR_RETURN(const backend::OpenClFamily kernels, FamilyOf(family));
  const std::size_t there = device::ListOpenClDevices().size();
  if (*index >= there) {
    return InvalidArgument(fmt::format(
        "--device={}: the drivers offer {} OpenCL devices; install the driver's OpenCL package "
        "(ICD) or use --device=cpu",
        device, there));
  }
  HADRON_ASSIGN_OR_RETURN(devices->accelerator, device::MakeOpenClDevice(*index, budget));
  backend::RegisterOpenClKernels(devices->kernels, *devices->accelerator, {.family = kernels});
  return devices;
#else
  return base::Unimplemented("--device: this build has no OpenCL (HADRON_OPENCL=OFF)");
#endif
}

}  // namespace hadron::cli::explain
