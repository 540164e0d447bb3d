// MatMul and Gemm as products with packed right sides.
#include <fmt/format.h>

#include "backend/opencl/product.h"
#include "backend/opencl/register.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;
using graph::PostOp;
using tensor::Shape;

constexpr std::uint32_t kMaxStackAxes = 4;

Status RequirePlainFloats(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  for (const auto& specs : {request.inputs, request.outputs}) {
    for (const TensorSpec& spec : specs) {
      if (!IsPlain(spec)) return NotHere(request, "a product of tensors that are not row-major");
    }
  }
  return {};
}

/// The bias of Gemm where the epilogue can take it: unscaled, a value per column or a full matrix.
StatusOr<std::optional<Epilogue::Bias>> BiasOf(const KernelRequest& request) {
  if (!request.node.HasInput(2)) return std::optional<Epilogue::Bias>();
  if (request.node.attributes.Float("beta", 1) != 1.0F) {
    return NotHere(request, "attribute 'beta' other than 1");
  }
  const Shape& bias = request.inputs[2].shape;
  const Shape& y = request.outputs[0].shape;
  if (bias == y) return std::optional(Epilogue::Bias{PostOp::Kind::kAdd, 2});
  if (bias.rank() > 0 && bias[bias.rank() - 1] == y[1] && bias.elements() == y[1]) {
    return std::optional(Epilogue::Bias{PostOp::Kind::kShift, 2});
  }
  return NotHere(request, "a bias of this shape");
}

StatusOr<std::unique_ptr<Kernel>> CreateGemm(ProgramLibrary& library,
                                             const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequirePlainFloats(request));
  const graph::Attributes& attributes = request.node.attributes;
  if (attributes.Int("transA", 0) != 0) return NotHere(request, "attribute 'transA'");
  const bool trans_b = attributes.Int("transB", 0) != 0;
  const Shape& y = request.outputs[0].shape;
  HADRON_ASSIGN_OR_RETURN(const auto bias, BiasOf(request));
  ProductParts parts;
  HADRON_ASSIGN_OR_RETURN(parts.epilogue, Epilogue::Plan(request, bias));
  parts.rows = y[0];
  parts.columns = y[1];
  parts.depth = request.inputs[0].shape[1];
  parts.right = {trans_b ? 1 : y[1], trans_b ? parts.depth : 1, attributes.Float("alpha", 1)};
  parts.right_key = fmt::format(":{}:{}", trans_b ? "NK" : "KN", parts.right.scale);
  parts.constant_right = request.constants[1] != nullptr;
  return MakeProductKernel(library, std::move(parts));
}

/// The dimensions in front of the matrices.
Shape StackOf(const Shape& shape) {
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i + 2 < shape.rank(); ++i) dims.push_back(shape[i]);
  return Shape(dims);
}

/// Which matrices of the two stacks meet; a stack is a shape of one element a matrix.
Status PlanStack(const KernelRequest& request, const Shape& a, const Shape& b, const Shape& y,
                 ProductParts& parts) {
  const auto spec = [](const Shape& shape) {
    return TensorSpec{tensor::DataType::kFp32, shape, Layout::kPlain};
  };
  HADRON_ASSIGN_OR_RETURN(parts.stack, PlanBroadcast(spec(a), spec(b), spec(y)));
  if (parts.stack.rank > kMaxStackAxes) return NotHere(request, "a stack of so many axes");
  parts.matrices = y.elements();
  parts.right_matrices = b.elements();
  return {};
}

StatusOr<std::unique_ptr<Kernel>> CreateMatMul(ProgramLibrary& library,
                                               const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequirePlainFloats(request));
  const Shape& a = request.inputs[0].shape;
  const Shape& b = request.inputs[1].shape;
  ProductParts parts;
  HADRON_ASSIGN_OR_RETURN(parts.epilogue, Epilogue::Plan(request));
  parts.depth = a[a.rank() - 1];
  parts.columns = b.rank() == 1 ? 1 : b[b.rank() - 1];
  const bool all_meet = MeetsAllMatrices(a, b, request.outputs[0].shape);
  // All rows of the left side at once if they can be.
  const bool at_once = b.rank() <= 2 || all_meet;
  parts.rows = at_once ? a.elements() / parts.depth : a.rank() == 1 ? 1 : a[a.rank() - 2];
  if (all_meet) {
    HADRON_RETURN_IF_ERROR(PlanStack(request, Shape{1}, Shape{b[0]}, Shape{b[0]}, parts));
  } else if (b.rank() > 2) {
    if (a.rank() == 1) return NotHere(request, "a vector times a stack of matrices");
    HADRON_RETURN_IF_ERROR(
        PlanStack(request, StackOf(a), StackOf(b), StackOf(request.outputs[0].shape), parts));
  }
  if (parts.epilogue.has_row_per_matrix() && !all_meet) {
    return NotHere(request, "rows for matrices of a stack that meets another");
  }
  parts.right = {parts.columns, 1, 1};
  parts.right_key = ":KN:1";
  parts.constant_right = request.constants[1] != nullptr;
  return MakeProductKernel(library, std::move(parts));
}

bool Supports(const graph::Node&, std::span<const TensorSpec> inputs) {
  return inputs.size() >= 2 && inputs[0].type == tensor::DataType::kFp32;
}

}  // namespace

void RegisterGemm(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library) {
  registry.Add(
      BackendId::kOpenCl,
      {.op_type = "Gemm",
       .create = [library](const KernelRequest& request) { return CreateGemm(*library, request); },
       .supports = Supports,
       .fuses = FusesAll});
  registry.Add(BackendId::kOpenCl, {.op_type = "MatMul",
                                    .create =
                                        [library](const KernelRequest& request) {
                                          return CreateMatMul(*library, request);
                                        },
                                    .supports = Supports,
                                    .fuses = FusesAll});
}

}  // namespace hadron::backend::opencl
