#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

base::Status Transpose(const RefCall& call) {
  const auto strides = call.in(0).shape.Strides();
  std::vector<std::int64_t> permuted(strides.rbegin(), strides.rend());
  const auto perm = call.node.attributes.Ints("perm");
  for (std::size_t i = 0; i < perm.size(); ++i) {
    permuted[i] = strides[static_cast<std::size_t>(perm[i])];
  }
  CopyElements(call.in(0), call.out(), StridedIndex(call.out().shape, std::move(permuted)));
  return {};
}

}  // namespace

void RegisterReferenceTranspose(RefRegistry& registry) { registry.Add("", "Transpose", Transpose); }

}  // namespace hadron::backend::reference
