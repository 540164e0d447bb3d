// Operators that only move FP32 elements, as strided copies by kernels/movement.cl: Transpose,
// Concat, Split, Slice, Pad with a constant, Expand, Resize to nearest neighbours.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "backend/opencl/launch.h"
#include "backend/opencl/register.h"
#include "backend/opencl/tile.h"
#include "graph/slice_range.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::Shape;
using Strides = std::vector<std::int64_t>;

/// Elements that a work-item of the CPU family takes, where there are as many.
constexpr std::int64_t kItemElements = 4096;

/// One axis of a copy; strides in elements.
struct MoveAxis {
  std::int64_t size = 1;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// A copy between one input and one output.
struct Move {
  std::size_t input = 0;
  std::size_t output = 0;
  std::int64_t from_first = 0;
  std::int64_t to_first = 0;
  std::vector<MoveAxis> axes;
};

/// `Walk` of kernels/movement.cl.
struct Walk {
  static constexpr std::size_t kMaxRank = 8;
  std::int32_t rank = 1;
  std::int32_t units = 0;
  std::int32_t chunk = 1;
  std::int32_t block = 1;
  std::array<std::int32_t, kMaxRank> size{};
  std::array<std::int32_t, kMaxRank> from{};
  std::array<std::int32_t, kMaxRank> to{};
};

/// Distance in memory of neighbours along each axis of the logical shape.
Strides StridesOf(const TensorSpec& spec) {
  Strides strides = spec.shape.Strides();
  if (spec.layout != Layout::kChannelsLast || spec.shape.rank() < 3) return strides;
  strides[1] = 1;
  std::int64_t stride = spec.shape[1];
  for (std::size_t i = spec.shape.rank() - 1; i >= 2; --i) {
    strides[i] = stride;
    stride *= spec.shape[i];
  }
  return strides;
}

/// Innermost of the target first, without axes of one, neighbours merged.
std::vector<MoveAxis> Simplify(std::vector<MoveAxis> axes) {
  std::erase_if(axes, [](const MoveAxis& axis) { return axis.size == 1; });
  std::ranges::stable_sort(axes, {}, &MoveAxis::to);
  std::vector<MoveAxis> merged;
  for (const MoveAxis& axis : axes) {
    MoveAxis* const inner = merged.empty() ? nullptr : &merged.back();
    if (inner != nullptr && axis.from == inner->size * inner->from &&
        axis.to == inner->size * inner->to) {
      inner->size *= axis.size;
    } else {
      merged.push_back(axis);
    }
  }
  if (merged.empty()) merged.push_back({1, 1, 1});
  return merged;
}

/// How a copy is shared out: the fields of Walk, by family.
std::optional<Walk> MakeWalk(const ProgramLibrary& library, const Move& move) {
  const std::vector<MoveAxis> axes = Simplify(move.axes);
  if (axes.size() > Walk::kMaxRank) return std::nullopt;
  const auto narrow = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
  Walk walk;
  walk.rank = narrow(static_cast<std::int64_t>(axes.size()));
  std::int64_t runs = 1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    walk.size[i] = narrow(axes[i].size);
    walk.from[i] = narrow(axes[i].from);
    walk.to[i] = narrow(axes[i].to);
    if (i > 0) runs *= axes[i].size;
  }
  const std::int64_t chunk = library.cpu_family() ? std::min(axes[0].size, kItemElements) : 1;
  const std::int64_t units = runs * CeilDivide(axes[0].size, chunk);
  const std::int64_t shares = std::int64_t{4} * library.device_info().compute_units;
  const std::int64_t most = std::max<std::int64_t>(1, kItemElements / chunk);
  walk.chunk = narrow(chunk);
  walk.units = narrow(units);
  if (library.cpu_family()) walk.block = narrow(std::min(most, CeilDivide(units, shares)));
  return walk;
}

class MoveKernel final : public Kernel {
 public:
  /// A launch: a copy, or where `fill` is set, of one value into all of output 0.
  struct Part {
    Move move;
    Walk walk;
    std::optional<float> fill = {};
  };
  MoveKernel(std::shared_ptr<device::Program> program, std::vector<Part> parts, std::size_t items)
      : program_(std::move(program)), parts_(std::move(parts)), items_(items) {}

  bool on_device() const override { return true; }
  std::string description() const override { return "opencl copy"; }

  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    std::vector<Work> works;
    for (const Part& part : parts_) {
      HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel(part.fill ? "fill" : "copy"));
      ArgumentWriter arguments(*kernel);
      const Move& move = part.move;
      if (part.fill) {
        arguments.Tensor(args.outputs[0]).Scalar(*part.fill).Scalar(part.walk);
      } else {
        arguments.Tensor(args.inputs[move.input]).Tensor(args.outputs[move.output]);
        arguments.Scalar(move.from_first).Scalar(move.to_first).Scalar(part.walk);
      }
      HADRON_RETURN_IF_ERROR(arguments.Finish());
      const std::int64_t share = part.fill ? part.walk.chunk : part.walk.block;
      const std::size_t items = Size(CeilDivide(part.walk.units, share));
      const std::size_t global = (items + items_ - 1) / items_ * items_;
      works.push_back({std::move(kernel), {global, 1, 1}, {items_, 1, 1}});
    }
    return MakeLaunch(std::move(works));
  }

 private:
  const std::shared_ptr<device::Program> program_;
  const std::vector<Part> parts_;
  const std::size_t items_;  ///< of a group
};

/// What an operator comes down to.
struct MoveParts {
  std::vector<Move> moves;
  std::optional<float> fill = {};  ///< of what no move writes
};

StatusOr<std::unique_ptr<Kernel>> MakeMoves(ProgramLibrary& library, const KernelRequest& request,
                                            const MoveParts& wanted) {
  std::vector<MoveKernel::Part> parts;
  if (wanted.fill) {
    Walk walk;
    walk.chunk = library.cpu_family() ? static_cast<std::int32_t>(kItemElements) : 1;
    walk.units = static_cast<std::int32_t>(request.outputs[0].shape.elements());
    parts.push_back({{}, walk, wanted.fill});
  }
  for (const Move& move : wanted.moves) {
    const auto walk = MakeWalk(library, move);
    if (!walk) return NotHere(request, "a copy along more than eight axes");
    parts.push_back({move, *walk});
  }
  const std::size_t items = library.cpu_family() ? 1 : kGroupItems;
  HADRON_ASSIGN_OR_RETURN(auto program,
                          library.Get("movement.cl", fmt::format("-DGROUP={}", items)));
  return std::unique_ptr<Kernel>(
      std::make_unique<MoveKernel>(std::move(program), std::move(parts), items));
}

/// `data` inputs and all outputs are FP32, nothing is fused.
Status Check(const KernelRequest& request, std::size_t data) {
  HADRON_RETURN_IF_ERROR(
      RequireFloats({request.node, request.inputs.first(data), request.outputs, {}, {}}));
  for (const TensorSpec& output : request.outputs) {
    if (output.type == DataType::kInvalid) return NotHere(request, "an output left out");
  }
  return request.node.post_ops.empty() ? Status() : NotHere(request, "a fused operation");
}

std::size_t AxisOf(std::int64_t axis, const Shape& shape) {
  return Size(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
}

std::vector<MoveAxis> Axes(const Shape& shape, const Strides& from, const Strides& to) {
  std::vector<MoveAxis> axes;
  for (std::size_t i = 0; i < shape.rank(); ++i) axes.push_back({shape[i], from[i], to[i]});
  return axes;
}

StatusOr<MoveParts> Transpose(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, 1));
  const std::size_t rank = request.inputs[0].shape.rank();
  std::vector<std::int64_t> order = request.node.attributes.Ints("perm");
  for (std::size_t i = order.size(); i < rank; ++i) {
    order.push_back(static_cast<std::int64_t>(rank - 1 - i));
  }
  const Strides x = StridesOf(request.inputs[0]);
  Strides from;
  for (const std::int64_t axis : order) from.push_back(x[Size(axis)]);
  const TensorSpec& y = request.outputs[0];
  return MoveParts{{{0, 0, 0, 0, Axes(y.shape, from, StridesOf(y))}}};
}

/// The same tensor in another layout: what plans put between operators.
StatusOr<MoveParts> Reorder(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, 1));
  const TensorSpec& x = request.inputs[0];
  const TensorSpec& y = request.outputs[0];
  return MoveParts{{{0, 0, 0, 0, Axes(y.shape, StridesOf(x), StridesOf(y))}}};
}

StatusOr<MoveParts> Concat(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, request.inputs.size()));
  const TensorSpec& y = request.outputs[0];
  const std::size_t axis = AxisOf(request.node.attributes.Int("axis", 0), y.shape);
  const Strides to = StridesOf(y);
  MoveParts parts;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const TensorSpec& x = request.inputs[i];
    parts.moves.push_back({i, 0, 0, first * to[axis], Axes(x.shape, StridesOf(x), to)});
    first += x.shape[axis];
  }
  return parts;
}

StatusOr<MoveParts> Split(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, 1));
  const TensorSpec& x = request.inputs[0];
  const std::size_t axis = AxisOf(request.node.attributes.Int("axis", 0), x.shape);
  const Strides from = StridesOf(x);
  MoveParts parts;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    const TensorSpec& y = request.outputs[i];
    parts.moves.push_back({0, i, first * from[axis], 0, Axes(y.shape, from, StridesOf(y))});
    first += y.shape[axis];
  }
  return parts;
}

/// The numbers of a constant input; `missing` when it is left out.
StatusOr<std::vector<std::int64_t>> Numbers(const KernelRequest& request, std::size_t i,
                                            std::vector<std::int64_t> missing = {}) {
  if (!request.node.HasInput(i)) return missing;
  if (request.constants[i] == nullptr) return NotHere(request, "a copy of computed bounds");
  return request.constants[i]->Ints();
}

StatusOr<MoveParts> Slice(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, 1));
  const Shape& x = request.inputs[0].shape;
  const TensorSpec& y = request.outputs[0];
  HADRON_ASSIGN_OR_RETURN(const auto starts, Numbers(request, 1));
  HADRON_ASSIGN_OR_RETURN(const auto ends, Numbers(request, 2));
  HADRON_ASSIGN_OR_RETURN(const auto axes, Numbers(request, 3));
  HADRON_ASSIGN_OR_RETURN(const auto steps,
                          Numbers(request, 4, std::vector<std::int64_t>(starts.size(), 1)));
  Strides from = StridesOf(request.inputs[0]);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = axes.empty() ? i : AxisOf(axes[i], x);
    const auto range = graph::ResolveSlice(starts[i], ends[i], steps[i], x[axis]);
    first += range.start * from[axis];
    from[axis] = range.count > 1 ? from[axis] * steps[i] : 0;
  }
  return MoveParts{{{0, 0, first, 0, Axes(y.shape, from, StridesOf(y))}}};
}

/// The constant of Pad.
StatusOr<float> FillOf(const KernelRequest& request) {
  if (!request.node.HasInput(2)) return 0.0F;
  if (request.constants[2] == nullptr) return NotHere(request, "a computed constant");
  HADRON_ASSIGN_OR_RETURN(const auto values, request.constants[2]->Doubles());
  return values.empty() ? 0.0F : static_cast<float>(values[0]);
}

/// Fills everything, then copies the middle. Negative pads crop.
StatusOr<MoveParts> Pad(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, 1));
  if (request.node.attributes.String("mode", "constant") != "constant") {
    return NotHere(request, "a pad by other elements than a constant");
  }
  const TensorSpec& x = request.inputs[0];
  const TensorSpec& y = request.outputs[0];
  HADRON_ASSIGN_OR_RETURN(const auto pads, Numbers(request, 1));
  HADRON_ASSIGN_OR_RETURN(const auto axes, Numbers(request, 3));
  const Strides from = StridesOf(x);
  const Strides to = StridesOf(y);
  Move move{0, 0, 0, 0, Axes(x.shape, from, to)};
  for (std::size_t i = 0; i < pads.size() / 2; ++i) {
    const std::size_t axis = axes.empty() ? i : AxisOf(axes[i], x.shape);
    const std::int64_t begin = pads[i];
    const std::int64_t end = pads[i + pads.size() / 2];
    move.axes[axis].size += std::min<std::int64_t>(begin, 0) + std::min<std::int64_t>(end, 0);
    move.from_first += std::max<std::int64_t>(-begin, 0) * from[axis];
    move.to_first += std::max<std::int64_t>(begin, 0) * to[axis];
    if (move.axes[axis].size <= 0) return NotHere(request, "a pad around nothing");
  }
  MoveParts parts{{std::move(move)}};
  HADRON_ASSIGN_OR_RETURN(parts.fill, FillOf(request));
  return parts;
}

StatusOr<MoveParts> Expand(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, 1));
  const TensorSpec& x = request.inputs[0];
  const TensorSpec& y = request.outputs[0];
  const Strides own = StridesOf(x);
  const std::size_t missing = y.shape.rank() - x.shape.rank();
  Strides from(y.shape.rank(), 0);
  for (std::size_t i = 0; i < x.shape.rank(); ++i) {
    if (x.shape[i] != 1) from[missing + i] = own[i];
  }
  return MoveParts{{{0, 0, 0, 0, Axes(y.shape, from, StridesOf(y))}}};
}

/// True when Resize takes element o / factor for every o, whatever its rounding: then the positions
/// are never halfway between two elements.
bool RepeatsElements(const graph::Attributes& attributes, bool exact_scales) {
  const std::string mode = attributes.String("coordinate_transformation_mode", "half_pixel");
  const std::string nearest = attributes.String("nearest_mode", "round_prefer_floor");
  if (attributes.String("mode", "nearest") != "nearest" || !exact_scales) return false;
  if (mode == "asymmetric") return nearest == "floor";
  const bool corners = mode == "align_corners";
  return !corners && nearest.starts_with("round_prefer");
}

/// Input 2 is left out, or names exactly the factors between the sizes.
StatusOr<bool> HasExactScales(const KernelRequest& request) {
  if (!request.node.HasInput(2) || request.inputs[2].shape.elements() == 0) return true;
  if (request.constants[2] == nullptr) return false;
  HADRON_ASSIGN_OR_RETURN(const auto scales, request.constants[2]->Doubles());
  return std::ranges::all_of(scales, [](double s) { return s >= 1 && s == std::floor(s); });
}

/// Every element is repeated along each axis: the axis of the result is two, of which the inner one
/// stands still in the input.
StatusOr<MoveParts> Resize(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, 1));
  const TensorSpec& x = request.inputs[0];
  const TensorSpec& y = request.outputs[0];
  HADRON_ASSIGN_OR_RETURN(const bool exact, HasExactScales(request));
  if (!RepeatsElements(request.node.attributes, exact)) {
    return NotHere(request, "a resize that does not repeat elements");
  }
  const Strides from = StridesOf(x);
  const Strides to = StridesOf(y);
  Move move;
  for (std::size_t i = 0; i < x.shape.rank(); ++i) {
    const std::int64_t factor = y.shape[i] / x.shape[i];
    if (factor * x.shape[i] != y.shape[i]) return NotHere(request, "a resize by a fraction");
    move.axes.push_back({factor, 0, to[i]});
    move.axes.push_back({x.shape[i], from[i], factor * to[i]});
  }
  return MoveParts{{std::move(move)}};
}

}  // namespace

void RegisterMovement(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library) {
  const auto add = [&](const char* op_type, StatusOr<MoveParts> (*plan)(const KernelRequest&),
                       LayoutRule layout = LayoutRule::kPlain, const char* domain = "") {
    auto create = [library,
                   plan](const KernelRequest& request) -> StatusOr<std::unique_ptr<Kernel>> {
      HADRON_ASSIGN_OR_RETURN(const MoveParts parts, plan(request));
      return MakeMoves(*library, request, parts);
    };
    registry.Add(
        BackendId::kOpenCl,
        {.domain = domain, .op_type = op_type, .layout = layout, .create = std::move(create)});
  };
  add("Transpose", Transpose);
  add("Reorder", Reorder, LayoutRule::kPlain, "hadron");
  add("Concat", Concat, LayoutRule::kFollow);
  add("Split", Split);
  add("Slice", Slice);
  add("Expand", Expand);
  // Between convolutions: their layout.
  add("Pad", Pad, LayoutRule::kChannelsLast);
  add("Resize", Resize, LayoutRule::kChannelsLast);
}

}  // namespace hadron::backend::opencl
