#include "backend/native/operators.h"

namespace hadron::backend {

void RegisterNativeKernels(KernelRegistry& registry) {
  native::RegisterConv(registry);
  native::RegisterGemm(registry);
  native::RegisterElementwise(registry);
  native::RegisterBinary(registry);
  native::RegisterPool(registry);
  native::RegisterRows(registry);
  native::RegisterResize(registry);
  native::RegisterMovement(registry);
  native::RegisterTrees(registry);
}

}  // namespace hadron::backend
