#include "backend/reference/op.h"
#include "tensor/string_tensor.h"

namespace hadron::backend::reference {
namespace {

base::Status ConstantOfShape(const RefCall& call) {
  const graph::ConstantRef constant = call.node.attributes.Tensor("value");
  if (constant == nullptr) return {};  // FP32 zeros, as allocated
  HADRON_ASSIGN_OR_RETURN(const tensor::HostTensor host, constant->Evaluate());
  RefTensor value{host.desc.type, {}, {}, {}};
  if (value.type == tensor::DataType::kString) {
    HADRON_ASSIGN_OR_RETURN(value.strings, tensor::DecodeStrings(host.bytes, 1));
  } else {
    value.bytes.resize(host.bytes.size());
    host.bytes.CopyTo(value.bytes);
  }
  CopyElements(value, call.out(), [](std::size_t) { return std::size_t{0}; });
  return {};
}

}  // namespace

void RegisterReferenceConstantOfShape(RefRegistry& registry) {
  registry.Add("", "ConstantOfShape", ConstantOfShape);
}

}  // namespace hadron::backend::reference
