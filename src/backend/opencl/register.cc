#include "backend/opencl/register.h"

namespace hadron::backend {

void RegisterOpenClKernels(KernelRegistry& registry, device::Device& device,
                           const std::string& kernel_dir) {
  const auto library = std::make_shared<opencl::ProgramLibrary>(device, kernel_dir);
  opencl::RegisterElementwise(registry, library);
}

}  // namespace hadron::backend
