#pragma once

#include "backend/kernel.h"

namespace hadron::backend::native {

/// The operator families of the native backend; each adds its rows to the registry.
void RegisterConv(KernelRegistry& registry);
void RegisterGemm(KernelRegistry& registry);
void RegisterElementwise(KernelRegistry& registry);
void RegisterBinary(KernelRegistry& registry);
void RegisterPool(KernelRegistry& registry);
void RegisterResize(KernelRegistry& registry);
void RegisterRows(KernelRegistry& registry);
void RegisterMovement(KernelRegistry& registry);
void RegisterTrees(KernelRegistry& registry);

}  // namespace hadron::backend::native
