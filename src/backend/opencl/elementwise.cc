// Element-wise operators on fp32 as launches of kernels/elementwise.cl. One row an operator.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "backend/opencl/broadcast.h"
#include "backend/opencl/launch.h"
#include "backend/opencl/register.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

/// Elements that a work-item of the CPU family takes, where there are as many.
constexpr std::uint32_t kItemElements = 4096;

/// A number that the kernel gets: an attribute, or without a name the value itself.
struct Number {
  const char* attribute = nullptr;
  float value = 0;
};

struct Row {
  const char* op_type;
  const char* kernel;
  std::size_t operands;
  Number alpha = {};
  Number beta = {};
};

constexpr std::array kRows = {
    Row{"Identity", "identity", 1},
    Row{"Neg", "neg", 1},
    Row{"Abs", "absolute", 1},
    Row{"Floor", "round_down", 1},
    Row{"Ceil", "round_up", 1},
    Row{"Sqrt", "square_root", 1},
    Row{"Reciprocal", "reciprocal", 1},
    Row{"Exp", "exponential", 1},
    Row{"Log", "logarithm", 1},
    Row{"Tanh", "hyperbolic_tangent", 1},
    Row{"Sigmoid", "sigmoid", 1},
    Row{"Relu", "relu", 1},
    Row{"LeakyRelu", "leaky_relu", 1, {"alpha", 0.01F}},
    Row{"Elu", "elu", 1, {"alpha", 1}},
    Row{"Clip", "clip", 1},
    Row{"Softplus", "softplus", 1},
    Row{"Erf", "error", 1},
    Row{"Gelu", "gelu", 1},
    Row{"Swish", "swish", 1, {"alpha", 1}},
    Row{"HardSigmoid", "hard_sigmoid", 1, {"alpha", 0.2F}, {"beta", 0.5F}},
    Row{"HardSwish", "hard_swish", 1, {nullptr, 1.0F / 6}, {nullptr, 0.5F}},
    Row{"Add", "add", 2},
    Row{"Sub", "sub", 2},
    Row{"Mul", "mul", 2},
    Row{"Div", "div", 2},
    Row{"Max", "larger", 2},
    Row{"Min", "smaller", 2},
    Row{"PRelu", "leaky_by", 2},
    Row{"Pow", "power", 2},
};
/// Pow by two.
constexpr Row kSquare{"Pow", "square", 1};
/// Gelu approximated with tanh.
constexpr Row kGeluTanh{"Gelu", "gelu_tanh", 1};

/// What an instance has beside its program.
struct Instance {
  const Row* row = nullptr;
  std::uint32_t count = 0;  ///< elements of the result
  float alpha = 0;
  float beta = 0;
  BroadcastWalk walk = {};  ///< of two operands
};

/// How the elements are shared out: vectors and groups of one program, by family.
struct Share {
  std::uint32_t vector = 4;
  std::uint32_t chunk = 4;  ///< elements of a work-item
  std::size_t group = kGroupItems;

  std::string options() const { return fmt::format("-DVECTOR={} -DGROUP={}", vector, group); }
};

Share ShareOf(const ProgramLibrary& library, std::uint32_t count) {
  if (!library.cpu_family()) return {};
  const std::uint32_t vector = library.device_info().vector_floats >= 16 ? 16 : 8;
  const std::uint32_t even = count / (4 * library.device_info().compute_units);
  return {vector, std::clamp((even + vector - 1) / vector * vector, vector, kItemElements), 1};
}

class ElementwiseKernel final : public Kernel {
 public:
  ElementwiseKernel(std::shared_ptr<device::Program> program, const Instance& instance,
                    const Share& share)
      : program_(std::move(program)), instance_(instance), share_(share) {}

  bool on_device() const override { return true; }
  std::string description() const override {
    return fmt::format("opencl {}", instance_.row->kernel);
  }
  std::vector<std::size_t> in_place_inputs() const override {
    if (instance_.row->operands == 2) return {0, 1};
    return {0};
  }

  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel(instance_.row->kernel));
    ArgumentWriter arguments(*kernel);
    for (std::size_t i = 0; i < instance_.row->operands; ++i) arguments.Tensor(args.inputs[i]);
    arguments.Tensor(args.outputs[0]).Scalar(instance_.count).Scalar(share_.chunk);
    if (instance_.row->operands == 1) {
      arguments.Scalar(instance_.alpha).Scalar(instance_.beta);
    } else {
      const BroadcastWalk& walk = instance_.walk;
      arguments.Scalar(walk.rank).Scalar(walk.shape);
      for (const BroadcastWalk::Axes& strides : walk.strides) arguments.Scalar(strides);
    }
    HADRON_RETURN_IF_ERROR(arguments.Finish());
    std::vector<Work> works;
    works.push_back({std::move(kernel), {Items(), 1, 1}, {share_.group, 1, 1}});
    return MakeLaunch(std::move(works));
  }

 private:
  /// Work-items to start; none for an empty tensor.
  std::size_t Items() const {
    const std::size_t per_group = share_.group * share_.chunk;
    return share_.group * ((instance_.count + per_group - 1) / per_group);
  }

  const std::shared_ptr<device::Program> program_;
  const Instance instance_;
  const Share share_;
};

bool AllFp32(std::span<const TensorSpec> tensors) {
  return std::ranges::all_of(tensors,
                             [](const TensorSpec& t) { return t.type == DataType::kFp32; });
}

bool Supports(const graph::Node&, std::span<const TensorSpec> inputs) {
  return !inputs.empty() && inputs[0].type == DataType::kFp32;
}

Status CheckRequest(const Row& row, const KernelRequest& request) {
  if (!AllFp32(request.outputs)) return NotHere(request, "another type than FP32");
  for (const TensorSpec& input : request.inputs) {
    const bool missing = input.type == DataType::kInvalid;
    if (!missing && input.type != DataType::kFp32) {
      return NotHere(request, "another type than FP32");
    }
  }
  if (!request.node.post_ops.empty()) return NotHere(request, "a fused operation");
  if (request.node.op_type != "Clip" && request.inputs.size() != row.operands) {
    return NotHere(request, "this number of operands");
  }
  const auto elements = request.outputs[0].shape.CheckedElements();
  if (!elements || *elements > std::numeric_limits<std::int32_t>::max()) {
    return NotHere(request, "a tensor of 2^31 elements or more");
  }
  return {};
}

/// The value of a constant input of one element.
StatusOr<float> Scalar(const KernelRequest& request, std::size_t i, float missing) {
  if (!request.node.HasInput(i)) return missing;
  if (i >= request.constants.size() || request.constants[i] == nullptr) {
    return NotHere(request, "a computed bound");
  }
  if (request.inputs[i].shape.elements() != 1) return NotHere(request, "more than one bound");
  HADRON_ASSIGN_OR_RETURN(const auto values, request.constants[i]->Doubles());
  return static_cast<float>(values.at(0));
}

float ValueOf(const Number& number, const KernelRequest& request) {
  if (number.attribute == nullptr) return number.value;
  return request.node.attributes.Float(number.attribute, number.value);
}

/// The row of a node: squares, which normalisations have, need no pow().
const Row& RowFor(const Row& row, const KernelRequest& request) {
  if (request.node.attributes.String("approximate", "none") == "tanh") return kGeluTanh;
  if (request.node.op_type != "Pow" || request.inputs[0].shape != request.outputs[0].shape) {
    return row;
  }
  const auto exponent = Scalar(request, 1, 1);
  return exponent.ok() && *exponent == 2.0F ? kSquare : row;
}

StatusOr<Instance> MakeInstance(const Row& row, const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckRequest(row, request));
  const TensorSpec& out = request.outputs[0];
  Instance instance;
  instance.row = &RowFor(row, request);
  instance.count = static_cast<std::uint32_t>(out.shape.elements());
  instance.alpha = ValueOf(row.alpha, request);
  instance.beta = ValueOf(row.beta, request);
  if (request.node.op_type == "Clip") {
    HADRON_ASSIGN_OR_RETURN(instance.alpha, Scalar(request, 1, -INFINITY));
    HADRON_ASSIGN_OR_RETURN(instance.beta, Scalar(request, 2, INFINITY));
  }
  if (instance.row->operands == 2 && instance.count > 0) {
    HADRON_ASSIGN_OR_RETURN(instance.walk,
                            PlanBroadcast(request.inputs[0], request.inputs[1], out));
    if (instance.walk.rank == 0) instance.walk.shape[0] = 1;
  } else if (!SameOrder(request.inputs[0].layout, out.layout, out.shape)) {
    return NotHere(request, "a change of layout");
  }
  return instance;
}

}  // namespace

void RegisterElementwise(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library) {
  for (const Row& row : kRows) {
    auto create = [&row,
                   library](const KernelRequest& request) -> StatusOr<std::unique_ptr<Kernel>> {
      HADRON_ASSIGN_OR_RETURN(const Instance instance, MakeInstance(row, request));
      const Share share = ShareOf(*library, instance.count);
      HADRON_ASSIGN_OR_RETURN(auto program, library->Get("elementwise.cl", share.options()));
      return std::unique_ptr<Kernel>(
          std::make_unique<ElementwiseKernel>(std::move(program), instance, share));
    };
    registry.Add(BackendId::kOpenCl, {.op_type = row.op_type,
                                      .layout = LayoutRule::kFollow,
                                      .create = std::move(create),
                                      .supports = &Supports});
  }
}

}  // namespace hadron::backend::opencl
