#pragma once

#include <memory>

#include "backend/kernel.h"
#include "backend/opencl/program_library.h"

namespace hadron::backend::opencl {

/// One function per operator family, each in the file of its name.
void RegisterConv(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library);
void RegisterElementwise(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library);
void RegisterGemm(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library);
void RegisterMovement(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library);
void RegisterPool(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library);
void RegisterRows(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library);

}  // namespace hadron::backend::opencl
