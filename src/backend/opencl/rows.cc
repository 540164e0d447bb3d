// Operators on rows of plain tensors as launches of kernels/rows.cl: Softmax, LogSoftmax,
// LayerNormalization, and reductions over the last axes.
#include <algorithm>
#include <bit>
#include <optional>
#include <string>

#include "backend/opencl/launch.h"
#include "backend/opencl/register.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;
using tensor::Shape;

/// Elements that a work-item of the CPU family takes at least, where there are as many.
constexpr std::int64_t kItemElements = 4096;

struct RowParts {
  std::string kernel;
  std::uint32_t rows = 1;
  std::uint32_t count = 1;          ///< elements of a row
  std::optional<float> number;      ///< last argument
  std::vector<std::size_t> inputs;  ///< further tensors
};

/// How the rows are shared out, for kernels/rows.cl.
struct RowShare {
  std::uint32_t share = 1;
  std::size_t global = 1;
  std::size_t local = 1;
};

RowShare ShareOf(const ProgramLibrary& library, const RowParts& parts) {
  const std::size_t rows = parts.rows;
  if (library.cpu_family()) {
    const std::size_t units = 4 * library.device_info().compute_units;
    const std::size_t most = std::max<std::size_t>(1, kItemElements / parts.count);
    const std::size_t share = std::min(most, (rows + units - 1) / units);
    return {static_cast<std::uint32_t>(share), (rows + share - 1) / share, 1};
  }
  // By the length alone: the tree of a sum must not depend on how many rows there are.
  const std::size_t lanes = std::min(kGroupItems, std::bit_ceil<std::size_t>(parts.count));
  const std::size_t per_group = kGroupItems / lanes;
  const std::size_t groups = (rows + per_group - 1) / per_group;
  return {static_cast<std::uint32_t>(lanes), groups * kGroupItems, kGroupItems};
}

class RowKernel final : public Kernel {
 public:
  RowKernel(std::shared_ptr<device::Program> program, RowParts parts, const RowShare& share)
      : program_(std::move(program)), parts_(std::move(parts)), share_(share) {}

  bool on_device() const override { return true; }
  std::string description() const override { return "opencl " + parts_.kernel; }

  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel(parts_.kernel));
    ArgumentWriter arguments(*kernel);
    arguments.Tensor(args.inputs[0]).Tensor(args.outputs[0]);
    arguments.Scalar(parts_.rows).Scalar(parts_.count).Scalar(share_.share);
    for (const std::size_t input : parts_.inputs) arguments.Tensor(args.inputs[input]);
    if (parts_.number) arguments.Scalar(*parts_.number);
    HADRON_RETURN_IF_ERROR(arguments.Finish());
    std::vector<Work> works;
    works.push_back({std::move(kernel), {share_.global, 1, 1}, {share_.local, 1, 1}});
    return MakeLaunch(std::move(works));
  }

 private:
  const std::shared_ptr<device::Program> program_;
  const RowParts parts_;
  const RowShare share_;
};

/// Sets the row's length: the axes from `first` on.
void SetRows(const Shape& shape, std::size_t first, RowParts& parts) {
  std::int64_t count = 1;
  for (std::size_t i = first; i < shape.rank(); ++i) count *= shape[i];
  parts.count = static_cast<std::uint32_t>(count);
  parts.rows = static_cast<std::uint32_t>(shape.elements() / count);
}

std::size_t AxisOf(std::int64_t axis, const Shape& shape) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
}

/// The result is one plain FP32 tensor, made of input 0, which is another one.
Status Check(const KernelRequest& request, std::span<const TensorSpec> inputs) {
  HADRON_RETURN_IF_ERROR(RequireFloats({request.node, inputs, request.outputs, {}, {}}));
  if (!IsPlain(inputs[0]) || !IsPlain(request.outputs[0])) {
    return NotHere(request, "an operator on rows of tensors that are not row-major");
  }
  for (std::size_t i = 1; i < request.outputs.size(); ++i) {
    if (request.node.HasOutput(i)) return NotHere(request, "a second output");
  }
  return request.node.post_ops.empty() ? Status() : NotHere(request, "a fused operation");
}

StatusOr<RowParts> SoftmaxParts(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, request.inputs));
  const Shape& shape = request.inputs[0].shape;
  if (shape.rank() == 0) return NotHere(request, "a scalar");
  const std::size_t axis = AxisOf(request.node.attributes.Int("axis", -1), shape);
  RowParts parts;
  parts.kernel = request.node.op_type == "Softmax" ? "softmax" : "log_softmax";
  SetRows(shape, axis, parts);
  const bool flatten = request.node.attributes.Int("hadron_flatten", 0) != 0;
  if (!flatten && parts.count != static_cast<std::uint32_t>(shape[axis])) {
    return NotHere(request, "an axis that is not the last one");
  }
  return parts;
}

StatusOr<RowParts> NormalizationParts(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, request.inputs));
  const Shape& shape = request.inputs[0].shape;
  RowParts parts;
  parts.kernel = "layer_normalization";
  SetRows(shape, AxisOf(request.node.attributes.Int("axis", -1), shape), parts);
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    if (!request.node.HasInput(i)) return NotHere(request, "a normalisation without bias");
    if (request.inputs[i].shape.elements() != parts.count) {
      return NotHere(request, "a scale or bias of other shape than a row");
    }
    parts.inputs.push_back(i);
  }
  parts.number = request.node.attributes.Float("epsilon", 1e-5F);
  return parts;
}

/// The first of the axes that are reduced; they must reach to the end (but for axes of one).
StatusOr<std::size_t> FirstReduced(const KernelRequest& request) {
  const Shape& shape = request.inputs[0].shape;
  if (!request.node.HasInput(1)) return std::size_t{0};
  if (request.constants[1] == nullptr) return NotHere(request, "a reduction over computed axes");
  HADRON_ASSIGN_OR_RETURN(const auto axes, request.constants[1]->Ints());
  if (axes.empty()) return std::size_t{0};
  std::vector<bool> reduced(shape.rank(), false);
  for (const std::int64_t axis : axes) reduced[AxisOf(axis, shape)] = true;
  std::size_t first = shape.rank();
  while (first > 0 && (reduced[first - 1] || shape[first - 1] == 1)) --first;
  for (std::size_t i = 0; i < first; ++i) {
    if (reduced[i] && shape[i] != 1) return NotHere(request, "a reduction over inner axes");
  }
  return first;
}

StatusOr<RowParts> ReductionParts(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(Check(request, request.inputs.first(1)));
  if (request.node.attributes.Int("noop_with_empty_axes", 0) != 0) {
    return NotHere(request, "a reduction over no axes");
  }
  HADRON_ASSIGN_OR_RETURN(const std::size_t first, FirstReduced(request));
  RowParts parts;
  parts.kernel = request.node.op_type == "ReduceMax" ? "reduce_max" : "reduce_sum";
  SetRows(request.inputs[0].shape, first, parts);
  const bool mean = request.node.op_type == "ReduceMean";
  parts.number = mean ? static_cast<float>(parts.count) : 1.0F;
  return parts;
}

}  // namespace

void RegisterRows(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library) {
  const auto add = [&](const char* op_type, StatusOr<RowParts> (*make)(const KernelRequest&)) {
    auto create = [library,
                   make](const KernelRequest& request) -> StatusOr<std::unique_ptr<Kernel>> {
      HADRON_ASSIGN_OR_RETURN(RowParts parts, make(request));
      HADRON_ASSIGN_OR_RETURN(auto program,
                              library->Get("rows.cl", library->cpu_family() ? "-DHADRON_CPU" : ""));
      const RowShare share = ShareOf(*library, parts);
      return std::unique_ptr<Kernel>(
          std::make_unique<RowKernel>(std::move(program), std::move(parts), share));
    };
    registry.Add(BackendId::kOpenCl, {.op_type = op_type, .create = std::move(create)});
  };
  add("Softmax", SoftmaxParts);
  add("LogSoftmax", SoftmaxParts);
  add("LayerNormalization", NormalizationParts);
  for (const char* op_type : {"ReduceSum", "ReduceMean", "ReduceMax"}) {
    add(op_type, ReductionParts);
  }
}

}  // namespace hadron::backend::opencl
