#include "backend/opencl/register.h"

namespace hadron::backend {

std::shared_ptr<DevicePrograms> RegisterOpenClKernels(KernelRegistry& registry,
                                                      device::Device& device,
                                                      const OpenClOptions& options) {
  const auto library = std::make_shared<opencl::ProgramLibrary>(device, options);
  opencl::RegisterConv(registry, library);
  opencl::RegisterElementwise(registry, library);
  opencl::RegisterGemm(registry, library);
  opencl::RegisterMovement(registry, library);
  opencl::RegisterPool(registry, library);
  opencl::RegisterRows(registry, library);
  return library;
}

}  // namespace hadron::backend
