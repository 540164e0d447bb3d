#pragma once

#include <memory>

#include "backend/kernel.h"
#include "backend/opencl/program_library.h"

namespace hadron::backend::opencl {

/// One function per operator family, each in the file of its name.
void RegisterElementwise(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library);

}  // namespace hadron::backend::opencl
