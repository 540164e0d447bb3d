// Operators on two tensors with broadcasting, in any layout.
#include <algorithm>

#include "backend/native/isa.h"
#include "backend/native/operators.h"
#include "backend/native/parallel.h"
#include "backend/native/steps.h"
#include "backend/native/strided.h"

namespace hadron::backend::native {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::Shape;

struct BinaryOperator {
  std::string_view op_type;
  BinaryKind kind;
};

constexpr BinaryOperator kBinary[] = {{"Add", BinaryKind::kAdd},    {"Sub", BinaryKind::kSub},
                                      {"Mul", BinaryKind::kMul},    {"Div", BinaryKind::kDiv},
                                      {"Max", BinaryKind::kMax},    {"Min", BinaryKind::kMin},
                                      {"PRelu", BinaryKind::kPRelu}};

/// Strides of a tensor in its own layout, by logical axis.
std::vector<std::int64_t> StridesOf(const TensorSpec& spec) {
  if (IsPlain(spec)) return spec.shape.Strides();
  std::vector<std::int64_t> strides(spec.shape.rank());
  strides[1] = 1;
  std::int64_t stride = spec.shape[1];
  for (std::size_t axis = strides.size(); axis-- > 2;) {
    strides[axis] = stride;
    stride *= spec.shape[axis];
  }
  strides[0] = stride;
  return strides;
}

/// The same as seen by an output of rank `rank`: 0 where the operand is broadcast.
std::vector<std::int64_t> BroadcastStrides(const TensorSpec& spec, std::size_t rank) {
  std::vector<std::int64_t> strides(rank, 0);
  const std::vector<std::int64_t> own = StridesOf(spec);
  const std::size_t shift = rank - own.size();
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (spec.shape[i] != 1) strides[i + shift] = own[i];
  }
  return strides;
}

/// Loops in the order of the output's memory: first = a, second = b; y is dense.
StridedLoop LoopOf(const KernelRequest& request) {
  const TensorSpec& y = request.outputs[0];
  const std::size_t rank = y.shape.rank();
  const auto a = BroadcastStrides(request.inputs[0], rank);
  const auto b = BroadcastStrides(request.inputs[1], rank);
  StridedLoop loop;
  const auto add = [&](std::size_t axis) {
    loop.dims.push_back({y.shape[axis], a[axis], b[axis]});
  };
  const bool last = !IsPlain(y);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (!last || axis != 1) add(axis);
  }
  if (last) add(1);
  loop.Simplify();
  return loop;
}

/// Rows of the innermost loop; f(offset in a, offset in b, offset in y).
template <typename F>
void ForRows(const StridedLoop& loop, std::int64_t first, std::int64_t last, const F& f) {
  const StridedLoop::Dim& inner = loop.dims.back();
  for (std::int64_t row = first; row < last; ++row) {
    std::int64_t rest = row;
    std::int64_t a = 0;
    std::int64_t b = 0;
    for (std::size_t i = loop.dims.size() - 1; i-- > 0;) {
      const StridedLoop::Dim& dim = loop.dims[i];
      const std::int64_t at = rest % dim.size;
      rest /= dim.size;
      a += at * dim.first;
      b += at * dim.second;
    }
    f(a, b, row * inner.size);
  }
}

struct FloatRun {
  BinaryKind kind;
  StridedLoop loop;
  std::int64_t rows;
  const float* a;
  const float* b;
  float* y;
  StepList steps;
  RowShape shape;
  int threads;

  void operator()() const {
    const StridedLoop::Dim& inner = loop.dims.back();
    const bool strided = inner.first > 1 || inner.second > 1;
    const auto binary = Vector().binary;
    const auto row = [&](std::int64_t at_a, std::int64_t at_b, std::int64_t at_y) {
      if (!strided) {
        binary(kind, a + at_a, static_cast<int>(inner.first), b + at_b,
               static_cast<int>(inner.second), y + at_y, Size(inner.size));
        return;
      }
      for (std::int64_t i = 0; i < inner.size; ++i) {
        binary(kind, a + at_a + i * inner.first, 0, b + at_b + i * inner.second, 0, y + at_y + i,
               1);
      }
    };
    if (rows == 1 && !strided) {
      ParallelFor(threads, inner.size, [&](std::int64_t first, std::int64_t last) {
        binary(kind, a + first * inner.first, static_cast<int>(inner.first),
               b + first * inner.second, static_cast<int>(inner.second), y + first,
               Size(last - first));
      });
    } else {
      ParallelFor(threads, rows,
                  [&](std::int64_t first, std::int64_t last) { ForRows(loop, first, last, row); });
    }
    if (steps.count > 0) {
      ParallelFor(threads, shape.rows, [&](std::int64_t first, std::int64_t last) {
        ApplyToRows(steps, shape, y, y, first, last);
      });
    }
  }
};

StatusOr<std::unique_ptr<Kernel>> CreateFloat(const KernelRequest& request, BinaryKind kind) {
  HADRON_ASSIGN_OR_RETURN(auto steps, PlanSteps(request));
  const std::int64_t elements = request.outputs[0].shape.elements();
  const StridedLoop loop = LoopOf(request);
  const std::int64_t rows = elements == 0 ? 0 : elements / loop.dims.back().size;
  const int threads = ThreadsFor(static_cast<double>(elements) * 0.3, request.threads);
  HostKernelParts parts;
  parts.description = "native elementwise";
  parts.in_place = {0, 1};
  parts.bind = [=, shape = RowsOf(request.outputs[0])](const KernelArgs& args) {
    return MakeLaunch(FloatRun{kind, loop, rows, Floats(args.inputs[0]), Floats(args.inputs[1]),
                               MutableFloats(args.outputs[0]), BindSteps(steps, args), shape,
                               threads});
  };
  return MakeHostKernel(std::move(parts));
}

/// Sum, difference and product of other types; integers wrap.
template <typename T>
T Wrapped(BinaryKind kind, T a, T b) {
  using U = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
  const U x = static_cast<U>(a);
  const U y = static_cast<U>(b);
  switch (kind) {
    case BinaryKind::kAdd:
      return static_cast<T>(x + y);
    case BinaryKind::kSub:
      return static_cast<T>(x - y);
    default:
      return static_cast<T>(x * y);
  }
}

template <typename T>
std::unique_ptr<Kernel> MakeTyped(const KernelRequest& request, BinaryKind kind) {
  HostKernelParts parts;
  parts.description = "native elementwise";
  parts.in_place = {0, 1};
  const std::int64_t elements = request.outputs[0].shape.elements();
  parts.bind = [kind, elements, loop = LoopOf(request)](const KernelArgs& args) {
    return MakeLaunch([=, a = reinterpret_cast<const T*>(args.inputs[0].host),
                       b = reinterpret_cast<const T*>(args.inputs[1].host),
                       y = reinterpret_cast<T*>(args.outputs[0].host)] {
      const StridedLoop::Dim& inner = loop.dims.back();
      const std::int64_t rows = elements == 0 ? 0 : elements / inner.size;
      ForRows(loop, 0, rows, [&](std::int64_t at_a, std::int64_t at_b, std::int64_t at_y) {
        for (std::int64_t i = 0; i < inner.size; ++i) {
          y[at_y + i] = Wrapped<T>(kind, a[at_a + i * inner.first], b[at_b + i * inner.second]);
        }
      });
    });
  };
  return MakeHostKernel(std::move(parts));
}

StatusOr<std::unique_ptr<Kernel>> CreateTyped(const KernelRequest& request, BinaryKind kind) {
  const bool simple =
      kind == BinaryKind::kAdd || kind == BinaryKind::kSub || kind == BinaryKind::kMul;
  if (!simple || !request.node.post_ops.empty()) return NotHere(request, "this type");
  switch (request.outputs[0].type) {
    case DataType::kInt32:
      return MakeTyped<std::int32_t>(request, kind);
    case DataType::kInt64:
      return MakeTyped<std::int64_t>(request, kind);
    case DataType::kFp64:
      return MakeTyped<double>(request, kind);
    default:
      return NotHere(request, "this type");
  }
}

StatusOr<std::unique_ptr<Kernel>> CreateBinary(const KernelRequest& request, BinaryKind kind) {
  if (request.node.inputs.size() != 2) return NotHere(request, "other than two operands");
  if (request.outputs[0].type == DataType::kFp32) return CreateFloat(request, kind);
  return CreateTyped(request, kind);
}

}  // namespace

void RegisterBinary(KernelRegistry& registry) {
  for (const BinaryOperator& row : kBinary) {
    registry.Add(BackendId::kNative, {.op_type = row.op_type,
                                      .layout = LayoutRule::kFollow,
                                      .create =
                                          [kind = row.kind](const KernelRequest& request) {
                                            return CreateBinary(request, kind);
                                          },
                                      .fuses = FusesAll});
  }
}

}  // namespace hadron::backend::native
