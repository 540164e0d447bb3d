// Operators that only move elements, of any type of fixed size: Identity, Transpose, Concat, Split,
// Slice; and Cast between common number types.
#include <cstring>

#include "backend/native/host_kernel.h"
#include "backend/native/operators.h"
#include "backend/native/strided.h"
#include "graph/slice_range.h"

namespace hadron::backend::native {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::Shape;

/// `follows`: the kernel takes any layout that all tensors have.
Status Check(const KernelRequest& request, bool follows = false) {
  for (const auto& specs : {request.inputs, request.outputs}) {
    for (const TensorSpec& spec : specs) {
      if (spec.type == DataType::kInvalid) continue;
      if (tensor::ElementSize(spec.type) == 0) return NotHere(request, "strings");
      const bool fits = follows ? spec.layout == request.outputs[0].layout : IsPlain(spec);
      if (!fits) return NotHere(request, "the native copy does not take these layouts");
    }
  }
  return request.node.post_ops.empty() ? Status() : NotHere(request, "fused operations");
}

std::size_t Axis(std::int64_t axis, const Shape& shape) {
  return Size(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
}

std::size_t ElementBytes(const KernelRequest& request) {
  return tensor::ElementSize(request.outputs[0].type);
}

/// Copies between one input and one output each.
struct Move {
  std::size_t input;
  std::size_t output;
  StridedCopy copy;
};

std::unique_ptr<Kernel> MakeMoves(std::vector<Move> moves, int threads) {
  HostKernelParts parts;
  parts.description = "native copy";
  parts.bind = [shared = std::make_shared<const std::vector<Move>>(std::move(moves)),
                threads](const KernelArgs& args) {
    struct Bound {
      const StridedCopy* copy;
      const std::byte* from;
      std::byte* to;
    };
    std::vector<Bound> bound;
    for (const Move& move : *shared) {
      bound.push_back({&move.copy, args.inputs[move.input].host, args.outputs[move.output].host});
    }
    return MakeLaunch([shared, bound = std::move(bound), threads] {
      for (const Bound& b : bound) b.copy->Run(b.from, b.to, threads);
    });
  };
  return MakeHostKernel(std::move(parts));
}

/// Any layout, as long as both sides have it.
StatusOr<std::unique_ptr<Kernel>> CreateIdentity(const KernelRequest& request) {
  const TensorSpec& x = request.inputs[0];
  const TensorSpec& y = request.outputs[0];
  if (tensor::ElementSize(x.type) == 0) return NotHere(request, "strings");
  if (x.layout != y.layout && !SameOrder(x.layout, y.layout, y.shape)) {
    return NotHere(request, "input and output differ in layout");
  }
  if (!request.node.post_ops.empty()) return NotHere(request, "fused operations");
  HostKernelParts parts;
  parts.description = "native copy";
  parts.bind = [bytes = y.bytes()](const KernelArgs& args) {
    return MakeLaunch([from = args.inputs[0].host, to = args.outputs[0].host, bytes] {
      if (from != to && bytes > 0) std::memmove(to, from, bytes);
    });
  };
  return MakeHostKernel(std::move(parts));
}

StatusOr<std::unique_ptr<Kernel>> CreateTranspose(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request));
  const Shape& x = request.inputs[0].shape;
  const Shape& y = request.outputs[0].shape;
  std::vector<std::int64_t> order = request.node.attributes.Ints("perm");
  for (std::size_t i = order.size(); i < x.rank(); ++i) {
    order.push_back(static_cast<std::int64_t>(x.rank() - 1 - i));
  }
  const auto from = x.Strides();
  const auto to = y.Strides();
  StridedLoop loop;
  for (std::size_t i = 0; i < y.rank(); ++i) {
    loop.dims.push_back({y[i], from[Size(order[i])], to[i]});
  }
  std::vector<Move> moves;
  moves.push_back({0, 0, StridedCopy(std::move(loop), ElementBytes(request))});
  return MakeMoves(std::move(moves), request.threads);
}

/// A tensor seen as outer x (axis and everything after it), in the order of its memory.
struct Cut {
  std::int64_t outer = 1;
  std::int64_t row = 1;
};

Cut CutAt(const TensorSpec& spec, std::size_t axis) {
  const bool last = spec.layout == Layout::kChannelsLast;
  const auto place = [&](std::size_t i) { return !last || i == 0 ? i : i == 1 ? 64 : i - 1; };
  Cut cut;
  for (std::size_t i = 0; i < spec.shape.rank(); ++i) {
    (place(i) < place(axis) ? cut.outer : cut.row) *= spec.shape[i];
  }
  return cut;
}

StatusOr<std::unique_ptr<Kernel>> CreateConcat(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, true));
  const std::size_t axis = Axis(request.node.attributes.Int("axis", 0), request.outputs[0].shape);
  const Cut whole = CutAt(request.outputs[0], axis);
  std::vector<Move> moves;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const std::int64_t row = CutAt(request.inputs[i], axis).row;
    moves.push_back({i, 0,
                     StridedCopy({{{whole.outer, row, whole.row}, {row, 1, 1}}},
                                 ElementBytes(request), 0, offset)});
    offset += row;
  }
  return MakeMoves(std::move(moves), request.threads);
}

StatusOr<std::unique_ptr<Kernel>> CreateSplit(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, true));
  const std::size_t axis = Axis(request.node.attributes.Int("axis", 0), request.inputs[0].shape);
  const Cut whole = CutAt(request.inputs[0], axis);
  std::vector<Move> moves;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    if (request.outputs[i].type == DataType::kInvalid) {
      return NotHere(request, "an output left out");
    }
    const std::int64_t row = CutAt(request.outputs[i], axis).row;
    moves.push_back({0, i,
                     StridedCopy({{{whole.outer, whole.row, row}, {row, 1, 1}}},
                                 ElementBytes(request), offset, 0)});
    offset += row;
  }
  return MakeMoves(std::move(moves), request.threads);
}

/// The numbers of a constant input.
StatusOr<std::vector<std::int64_t>> Numbers(const KernelRequest& request, std::size_t i) {
  if (request.constants[i] == nullptr) return NotHere(request, "computed bounds");
  return request.constants[i]->Ints();
}

StatusOr<std::unique_ptr<Kernel>> CreateSlice(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request));
  const Shape& x = request.inputs[0].shape;
  const Shape& y = request.outputs[0].shape;
  HADRON_ASSIGN_OR_RETURN(const auto starts, Numbers(request, 1));
  HADRON_ASSIGN_OR_RETURN(const auto ends, Numbers(request, 2));
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> steps(starts.size(), 1);
  if (request.node.HasInput(3)) {
    HADRON_ASSIGN_OR_RETURN(axes, Numbers(request, 3));
  }
  if (request.node.HasInput(4)) {
    HADRON_ASSIGN_OR_RETURN(steps, Numbers(request, 4));
  }
  auto from = x.Strides();
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = axes.empty() ? i : Axis(axes[i], x);
    const auto range = graph::ResolveSlice(starts[i], ends[i], steps[i], x[axis]);
    offset += range.start * from[axis];
    from[axis] = range.count > 1 ? from[axis] * steps[i] : 0;
  }
  const auto to = y.Strides();
  StridedLoop loop;
  for (std::size_t i = 0; i < y.rank(); ++i) loop.dims.push_back({y[i], from[i], to[i]});
  std::vector<Move> moves;
  moves.push_back({0, 0, StridedCopy(std::move(loop), ElementBytes(request), offset, 0)});
  return MakeMoves(std::move(moves), request.threads);
}

/// The value of a type as a conversion makes it; floats to integers are left to the reference.
template <typename From, typename To>
std::unique_ptr<Kernel> MakeCast(std::int64_t count) {
  HostKernelParts parts;
  parts.description = "native cast";
  parts.bind = [count](const KernelArgs& args) {
    return MakeLaunch([from = reinterpret_cast<const From*>(args.inputs[0].host),
                       to = reinterpret_cast<To*>(args.outputs[0].host), count] {
      for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
    });
  };
  return MakeHostKernel(std::move(parts));
}

/// One cast there is a fast kernel for.
struct CastRow {
  DataType from;
  DataType to;
  std::unique_ptr<Kernel> (*make)(std::int64_t count);
};

constexpr CastRow kCasts[] = {
    {DataType::kBool, DataType::kFp32, MakeCast<std::uint8_t, float>},
    {DataType::kUint8, DataType::kFp32, MakeCast<std::uint8_t, float>},
    {DataType::kInt8, DataType::kFp32, MakeCast<std::int8_t, float>},
    {DataType::kUint16, DataType::kFp32, MakeCast<std::uint16_t, float>},
    {DataType::kInt16, DataType::kFp32, MakeCast<std::int16_t, float>},
    {DataType::kInt32, DataType::kFp32, MakeCast<std::int32_t, float>},
    {DataType::kInt64, DataType::kFp32, MakeCast<std::int64_t, float>},
    {DataType::kFp64, DataType::kFp32, MakeCast<double, float>},
    {DataType::kFp32, DataType::kFp64, MakeCast<float, double>},
    {DataType::kInt32, DataType::kInt64, MakeCast<std::int32_t, std::int64_t>},
    {DataType::kInt64, DataType::kInt32, MakeCast<std::int64_t, std::int32_t>},
};

StatusOr<std::unique_ptr<Kernel>> CreateCast(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request));
  const DataType from = request.inputs[0].type;
  const DataType to = request.outputs[0].type;
  if (from == to) return CreateIdentity(request);
  for (const CastRow& row : kCasts) {
    if (row.from == from && row.to == to) return row.make(request.outputs[0].shape.elements());
  }
  return NotHere(request, "this pair of types");
}

}  // namespace

void RegisterMovement(KernelRegistry& registry) {
  const auto add = [&](std::string_view op_type, auto create,
                       LayoutRule layout = LayoutRule::kPlain) {
    registry.Add(BackendId::kNative, {.op_type = op_type, .layout = layout, .create = create});
  };
  add("Identity", CreateIdentity, LayoutRule::kFollow);
  add("Transpose", CreateTranspose);
  add("Concat", CreateConcat, LayoutRule::kFollow);
  add("Split", CreateSplit);
  add("Slice", CreateSlice);
  add("Cast", CreateCast);
}

}  // namespace hadron::backend::native
