// MatMul and Gemm: a matrix product is the direct kernel with one tap and a pixel per row.
#include <fmt/format.h>

#include <algorithm>

#include "backend/native/direct_plan.h"
#include "backend/native/operators.h"
#include "backend/native/parallel.h"
#include "backend/native/scratch_pieces.h"

namespace hadron::backend::native {
namespace {

using base::Status;
using base::StatusOr;
using tensor::Shape;

std::shared_ptr<const DirectPlan> ProductPlan(std::int64_t m, std::int64_t n, std::int64_t k) {
  ConvShape shape;
  shape.in_channels = k;
  shape.out_channels = n;
  shape.in_size = {1, 1, m};
  shape.axes[0].output = shape.axes[1].output = 1;
  shape.axes[2].output = m;
  return DirectPlan::Make(shape);
}

Status RequirePlain(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  for (const auto& specs : {request.inputs, request.outputs}) {
    for (const TensorSpec& spec : specs) {
      if (!IsPlain(spec)) return NotHere(request, "the native product needs plain tensors");
      if (spec.shape.elements() == 0) return NotHere(request, "empty tensors");
    }
  }
  return {};
}

/// The bias of Gemm where the kernel can take it: a vector of n, unscaled. A full matrix becomes
/// the first step.
Status TakeBias(const KernelRequest& request, std::int64_t n, DirectKernelParts& parts) {
  if (!request.node.HasInput(2)) return {};
  if (request.node.attributes.Float("beta", 1) != 1.0F) {
    return NotHere(request, "attribute 'beta' other than 1");
  }
  const Shape& bias = request.inputs[2].shape;
  if (bias.elements() == n && bias.rank() > 0 && bias[bias.rank() - 1] == n) {
    parts.bias_input = 2;
    return {};
  }
  if (bias != request.outputs[0].shape) return NotHere(request, "the shape of the bias");
  if (parts.steps.size() == Size(kMaxSteps)) return NotHere(request, "too many fused operations");
  parts.steps.insert(parts.steps.begin(), PlannedStep{{StepKind::kAdd}, 2});
  return {};
}

StatusOr<std::unique_ptr<Kernel>> CreateGemm(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequirePlain(request));
  const graph::Attributes& attributes = request.node.attributes;
  if (attributes.Int("transA", 0) != 0) return NotHere(request, "attribute 'transA'");
  const bool trans_b = attributes.Int("transB", 0) != 0;
  const Shape& y = request.outputs[0].shape;
  const std::int64_t k = request.inputs[0].shape[1];
  DirectKernelParts parts;
  HADRON_ASSIGN_OR_RETURN(parts.steps, PlanSteps(request));
  HADRON_RETURN_IF_ERROR(TakeBias(request, y[1], parts));
  parts.plan = ProductPlan(y[0], y[1], k);
  if (parts.plan == nullptr) return NotHere(request, "sizes beyond the native product");
  const float alpha = attributes.Float("alpha", 1);
  parts.strides = {0, trans_b ? k : 1, trans_b ? 1 : y[1], alpha};
  parts.strides_key = fmt::format(":{}:{}", trans_b ? "NK" : "KN", alpha);
  parts.constant_weights = request.constants[1] != nullptr;
  parts.threads = request.threads;
  return MakeDirectKernel(std::move(parts));
}

/// A product for each matrix of a stack: b is packed into scratch. With as many matrices as threads
/// each thread takes whole ones, else all work on one after another.
struct StackRun {
  std::shared_ptr<const DirectPlan> plan;
  WeightStrides strides;
  DirectMemory memory;
  const float* b = nullptr;
  float* packed = nullptr;
  std::vector<std::int64_t> a_offsets;
  std::vector<std::int64_t> b_offsets;
  std::int64_t y_step = 0;
  int threads = 1;

  void operator()() const {
    const auto count = static_cast<std::int64_t>(a_offsets.size());
    if (!SharesMatrices(count, threads)) return Products(0, count, packed, threads);
    ScratchPieces pieces;
    const double work = plan->nanoseconds() * static_cast<double>(count);
    ParallelFor(ThreadsFor(work, threads), count, [&](std::int64_t first, std::int64_t last) {
      const std::size_t piece = pieces.Take();
      Products(first, last, packed + static_cast<std::int64_t>(piece) * plan->packed_floats(), 1);
      pieces.Return(piece);
    });
  }

  static bool SharesMatrices(std::int64_t count, int threads) {
    return count >= threads && threads <= ScratchPieces::kMost;
  }

  void Products(std::int64_t first, std::int64_t last, float* scratch, int team) const {
    for (std::int64_t i = first; i < last; ++i) {
      DirectMemory m = memory;
      if (i == first || b_offsets[Size(i)] != b_offsets[Size(i - 1)]) {
        plan->Pack(strides, b + b_offsets[Size(i)], scratch);
      }
      m.weights = scratch;
      m.x += a_offsets[Size(i)];
      m.y += i * y_step;
      for (int s = 0; s < m.steps.count; ++s) {
        if (m.steps.steps[s].kind == StepKind::kAdd) m.steps.steps[s].operand += i * y_step;
      }
      plan->Run(m, team);
    }
  }
};

/// Where each matrix of a broadcast stack starts, in elements.
std::vector<std::int64_t> StackOffsets(const Shape& operand, const Shape& y) {
  const std::size_t stack = y.rank() - 2;
  std::int64_t count = 1;
  for (std::size_t i = 0; i < stack; ++i) count *= y[i];
  std::vector<std::int64_t> offsets(Size(count), 0);
  std::int64_t inner = 1;
  std::int64_t stride = operand[operand.rank() - 1] * operand[operand.rank() - 2];
  for (std::size_t back = 0; back < stack; ++back) {
    const std::int64_t dim = y[stack - 1 - back];
    const bool has = operand.rank() >= back + 3;
    const std::int64_t own = has ? operand[operand.rank() - 3 - back] : 1;
    for (std::int64_t i = 0; i < count && own > 1; ++i) {
      offsets[Size(i)] += i / inner % dim * stride;
    }
    inner *= dim;
    stride *= own;
  }
  return offsets;
}

StatusOr<std::unique_ptr<Kernel>> CreateStack(const KernelRequest& request,
                                              std::vector<PlannedStep> steps) {
  if (std::ranges::any_of(steps, &PlannedStep::row_per_matrix)) {
    return NotHere(request, "rows for matrices of a stack that is computed");
  }
  const Shape& a = request.inputs[0].shape;
  const Shape& b = request.inputs[1].shape;
  const Shape& y = request.outputs[0].shape;
  const std::int64_t m = a[a.rank() - 2];
  const std::int64_t k = a[a.rank() - 1];
  const std::int64_t n = b[b.rank() - 1];
  const auto plan = ProductPlan(m, n, k);
  if (plan == nullptr) return NotHere(request, "sizes beyond the native product");
  HostKernelParts parts;
  parts.description = "native direct stack";
  auto a_offsets = StackOffsets(a, y);
  const auto count = static_cast<std::int64_t>(a_offsets.size());
  const int pieces = StackRun::SharesMatrices(count, request.threads) ? request.threads : 1;
  parts.scratch_bytes = Size(plan->packed_floats() * pieces) * sizeof(float);
  parts.bind = [=, steps = std::move(steps), threads = request.threads,
                a_offsets = std::move(a_offsets),
                b_offsets = StackOffsets(b, y)](const KernelArgs& args) {
    DirectMemory memory;
    memory.x = Floats(args.inputs[0]);
    memory.y = MutableFloats(args.outputs[0]);
    memory.zeros = plan->zeros();
    memory.steps = BindSteps(steps, args);
    return MakeLaunch(StackRun{plan,
                               {0, 1, n, 1},
                               memory,
                               Floats(args.inputs[1]),
                               MutableFloats(args.scratch),
                               a_offsets,
                               b_offsets,
                               m * n,
                               threads});
  };
  return MakeHostKernel(std::move(parts));
}

StatusOr<std::unique_ptr<Kernel>> CreateMatMul(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequirePlain(request));
  const Shape& a = request.inputs[0].shape;
  const Shape& b = request.inputs[1].shape;
  HADRON_ASSIGN_OR_RETURN(auto steps, PlanSteps(request));
  const bool all_meet =
      request.constants[1] != nullptr && MeetsAllMatrices(a, b, request.outputs[0].shape);
  if (b.rank() > 2 && !all_meet) {
    if (a.rank() < 2) return NotHere(request, "a vector times a stack of matrices");
    return CreateStack(request, std::move(steps));
  }
  // All rows of the left side at once.
  const std::int64_t k = b[b.rank() == 1 ? 0 : b.rank() - 2];
  const std::int64_t n = b.rank() == 1 ? 1 : b[b.rank() - 1];
  DirectKernelParts parts;
  parts.steps = std::move(steps);
  parts.plan = ProductPlan(a.elements() / k, n, k);
  if (parts.plan == nullptr) return NotHere(request, "sizes beyond the native product");
  parts.strides = {0, 1, n, 1};
  parts.matrices = all_meet ? b[0] : 1;
  parts.strides_key = all_meet ? fmt::format(":KN:1:{}", parts.matrices) : ":KN:1";
  parts.constant_weights = request.constants[1] != nullptr;
  parts.threads = request.threads;
  return MakeDirectKernel(std::move(parts));
}

}  // namespace

void RegisterGemm(KernelRegistry& registry) {
  registry.Add(BackendId::kNative, {.op_type = "Gemm", .create = CreateGemm, .fuses = FusesAll});
  registry.Add(BackendId::kNative,
               {.op_type = "MatMul", .create = CreateMatMul, .fuses = FusesAll});
}

}  // namespace hadron::backend::native
