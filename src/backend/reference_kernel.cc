// The reference implementation as a kernel of a plan: copies tensors in and out of its own form at
// every call. Slow and always right.
#include <cstring>

#include "backend/kernel.h"
#include "backend/reference/op.h"
#include "backend/reference_executor.h"
#include "tensor/string_tensor.h"

namespace hadron::backend {
namespace {

using base::IoBuf;
using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;

struct Signature {
  graph::Node node;
  std::vector<tensor::TensorDesc> inputs;
  std::vector<tensor::TensorDesc> outputs;
};

HostTensor Read(const tensor::TensorDesc& desc, const BufferView& view) {
  if (desc.type == DataType::kString) return {desc, tensor::EncodeStrings(*view.strings)};
  return {desc, IoBuf::Wrap({view.host, view.bytes}, nullptr)};
}

Status Write(const HostTensor& tensor, const BufferView& view) {
  if (tensor.desc.type == DataType::kString) {
    HADRON_ASSIGN_OR_RETURN(*view.strings,
                            tensor::DecodeStrings(tensor.bytes, tensor.desc.shape.elements()));
    return {};
  }
  tensor.bytes.CopyTo({view.host, view.bytes});
  return {};
}

class ReferenceLaunch final : public Launch {
 public:
  ReferenceLaunch(std::shared_ptr<const Signature> signature, const KernelArgs& args)
      : signature_(std::move(signature)), args_(args) {}

  Status Run() override {
    std::vector<HostTensor> inputs(signature_->inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (signature_->inputs[i].type == DataType::kInvalid) continue;
      inputs[i] = Read(signature_->inputs[i], args_.inputs[i]);
    }
    HADRON_ASSIGN_OR_RETURN(const auto outputs,
                            RunReference(signature_->node, inputs, signature_->outputs));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (signature_->outputs[i].type == DataType::kInvalid) continue;
      HADRON_RETURN_IF_ERROR(Write(outputs[i], args_.outputs[i]));
    }
    return {};
  }

 private:
  std::shared_ptr<const Signature> signature_;
  KernelArgs args_;
};

class ReferenceKernel final : public Kernel {
 public:
  explicit ReferenceKernel(std::shared_ptr<const Signature> signature)
      : signature_(std::move(signature)) {}
  std::string description() const override { return "reference"; }
  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    return std::unique_ptr<Launch>(std::make_unique<ReferenceLaunch>(signature_, args));
  }

 private:
  std::shared_ptr<const Signature> signature_;
};

std::vector<tensor::TensorDesc> Descs(std::span<const TensorSpec> specs) {
  std::vector<tensor::TensorDesc> descs;
  for (const TensorSpec& spec : specs) descs.push_back({"", spec.type, spec.shape});
  return descs;
}

}  // namespace

StatusOr<std::unique_ptr<Kernel>> MakeReferenceKernel(const KernelRequest& request) {
  const graph::Node& node = request.node;
  if (reference::RefRegistry::Get().Find(node.domain, node.op_type) == nullptr) {
    return base::Unimplemented(node.Label() + ": no backend implements this operator");
  }
  for (const auto& specs : {request.inputs, request.outputs}) {
    for (const TensorSpec& spec : specs) {
      if (!SameOrder(spec.layout, Layout::kPlain, spec.shape)) {
        return base::Internal(node.Label() + ": the reference kernel needs plain layouts");
      }
    }
  }
  auto signature = std::make_shared<const Signature>(
      Signature{node, Descs(request.inputs), Descs(request.outputs)});
  return std::unique_ptr<Kernel>(std::make_unique<ReferenceKernel>(std::move(signature)));
}

}  // namespace hadron::backend
