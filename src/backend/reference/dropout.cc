#include <algorithm>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

base::Status Dropout(const RefCall& call) {
  CopyAll(call.in(0), call.out());
  if (call.node.HasOutput(1)) std::ranges::fill(call.out(1).bytes, std::byte{1});
  return {};
}

}  // namespace

void RegisterReferenceDropout(RefRegistry& registry) { registry.Add("", "Dropout", Dropout); }

}  // namespace hadron::backend::reference
