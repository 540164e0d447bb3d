#include "backend/onednn/operators.h"

namespace hadron::backend {

void RegisterOneDnnKernels(KernelRegistry& registry) {
  onednn::RegisterConv(registry);
  onednn::RegisterGemm(registry);
  onednn::RegisterElementwise(registry);
  onednn::RegisterBinary(registry);
  onednn::RegisterPool(registry);
  onednn::RegisterRows(registry);
  onednn::RegisterResize(registry);
  onednn::RegisterMovement(registry);
  onednn::RegisterTrees(registry);
}

}  // namespace hadron::backend
