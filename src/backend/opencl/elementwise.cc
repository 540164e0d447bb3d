// Element-wise operators on fp32 as launches of kernels/elementwise.cl. One row an operator.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "backend/opencl/broadcast.h"
#include "backend/opencl/register.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

constexpr std::size_t kGroup = 256;         // HADRON_GROUP of common.clh
constexpr std::size_t kItemsPerStep = 4;    // one float4
constexpr std::size_t kGroupsPerUnit = 32;  // enough to hide latency; more only cost start-up

struct Row {
  const char* op_type;
  const char* kernel;
  std::size_t operands;
  const char* alpha = nullptr;  ///< name of the attribute behind the kernel's alpha
  float alpha_default = 0;
};

constexpr std::array kRows = {
    Row{"Identity", "identity", 1},
    Row{"Neg", "neg", 1},
    Row{"Exp", "exponential", 1},
    Row{"Tanh", "hyperbolic_tangent", 1},
    Row{"Sigmoid", "sigmoid", 1},
    Row{"Relu", "relu", 1},
    Row{"LeakyRelu", "leaky_relu", 1, "alpha", 0.01F},
    Row{"Softplus", "softplus", 1},
    Row{"Add", "add", 2},
    Row{"Sub", "sub", 2},
    Row{"Mul", "mul", 2},
    Row{"Div", "div", 2},
};

class ElementwiseLaunch final : public Launch {
 public:
  ElementwiseLaunch(std::unique_ptr<device::DeviceKernel> kernel, std::size_t items)
      : kernel_(std::move(kernel)), items_(items) {}
  Status Enqueue(device::Stream& stream) override {
    stream.Launch(*kernel_, {items_, 1, 1}, {kGroup, 1, 1});
    return {};
  }

 private:
  std::unique_ptr<device::DeviceKernel> kernel_;
  std::size_t items_;
};

/// Sets the arguments of a kernel one after the other; keeps the first failure.
class ArgumentWriter {
 public:
  explicit ArgumentWriter(device::DeviceKernel& kernel) : kernel_(kernel) {}

  ArgumentWriter& Tensor(const BufferView& view) {
    HADRON_CHECK(view.buffer != nullptr && view.offset % sizeof(float) == 0);
    if (status_.ok()) status_ = kernel_.SetBuffer(next_++, *view.buffer);
    return Scalar(view.offset / sizeof(float));
  }
  template <typename T>
  ArgumentWriter& Scalar(const T& value) {
    if (status_.ok()) status_ = kernel_.SetScalar(next_++, value);
    return *this;
  }
  Status Finish() { return std::move(status_); }

 private:
  device::DeviceKernel& kernel_;
  unsigned next_ = 0;
  Status status_;
};

/// What an instance has beside its program.
struct Instance {
  const Row* row = nullptr;
  std::uint32_t count = 0;  ///< elements of the result
  float alpha = 0;
  std::optional<BroadcastWalk> broadcast;
};

class ElementwiseKernel final : public Kernel {
 public:
  ElementwiseKernel(std::shared_ptr<device::Program> program, const Instance& instance,
                    std::size_t max_groups)
      : program_(std::move(program)), instance_(instance), max_groups_(max_groups) {}

  bool on_device() const override { return true; }
  std::string description() const override { return "opencl " + KernelName(); }

  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel(KernelName()));
    ArgumentWriter arguments(*kernel);
    for (std::size_t i = 0; i < instance_.row->operands; ++i) arguments.Tensor(args.inputs[i]);
    arguments.Tensor(args.outputs[0]).Scalar(instance_.count);
    if (instance_.row->operands == 1) arguments.Scalar(instance_.alpha);
    if (instance_.broadcast) {
      const BroadcastWalk& walk = *instance_.broadcast;
      arguments.Scalar(walk.rank).Scalar(walk.shape);
      for (const BroadcastWalk::Axes& strides : walk.strides) arguments.Scalar(strides);
    }
    HADRON_RETURN_IF_ERROR(arguments.Finish());
    return std::unique_ptr<Launch>(std::make_unique<ElementwiseLaunch>(std::move(kernel), Items()));
  }

 private:
  std::string KernelName() const {
    return fmt::format("{}{}", instance_.row->kernel, instance_.broadcast ? "_broadcast" : "");
  }
  /// Work-items to start; each strides over what is left. None for an empty tensor.
  std::size_t Items() const {
    const std::size_t per_group = kGroup * (instance_.broadcast ? 1 : kItemsPerStep);
    const std::size_t groups = (instance_.count + per_group - 1) / per_group;
    return kGroup * std::min(groups, max_groups_);
  }

  const std::shared_ptr<device::Program> program_;
  const Instance instance_;
  const std::size_t max_groups_;
};

bool AllFp32(std::span<const TensorSpec> tensors) {
  return std::ranges::all_of(tensors,
                             [](const TensorSpec& t) { return t.type == DataType::kFp32; });
}

bool Supports(const graph::Node&, std::span<const TensorSpec> inputs) { return AllFp32(inputs); }

Status CheckRequest(const Row& row, const KernelRequest& request) {
  if (!AllFp32(request.inputs) || !AllFp32(request.outputs)) {
    return base::Unimplemented(fmt::format("{}: only FP32 runs on OpenCL", request.node.Label()));
  }
  if (!request.node.post_ops.empty() || request.inputs.size() != row.operands) {
    return base::Unimplemented(
        fmt::format("{}: fused operations do not run on OpenCL", request.node.Label()));
  }
  const auto elements = request.outputs[0].shape.CheckedElements();
  if (!elements || *elements > std::numeric_limits<std::int32_t>::max()) {
    return base::Unimplemented(
        fmt::format("{}: more than 2^31 elements on OpenCL", request.node.Label()));
  }
  return {};
}

StatusOr<Instance> MakeInstance(const Row& row, const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckRequest(row, request));
  const TensorSpec& out = request.outputs[0];
  Instance instance;
  instance.row = &row;
  instance.count = static_cast<std::uint32_t>(out.shape.elements());
  if (row.alpha != nullptr) {
    instance.alpha = request.node.attributes.Float(row.alpha, row.alpha_default);
  }
  if (row.operands == 2 && instance.count > 0) {
    HADRON_ASSIGN_OR_RETURN(const BroadcastWalk walk,
                            PlanBroadcast(request.inputs[0], request.inputs[1], out));
    if (!walk.contiguous()) instance.broadcast = walk;
  } else if (!SameOrder(request.inputs[0].layout, out.layout, out.shape)) {
    return base::Unimplemented(
        fmt::format("{}: input and output differ in layout", request.node.Label()));
  }
  return instance;
}

}  // namespace

void RegisterElementwise(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library) {
  for (const Row& row : kRows) {
    auto create = [&row,
                   library](const KernelRequest& request) -> StatusOr<std::unique_ptr<Kernel>> {
      HADRON_ASSIGN_OR_RETURN(const Instance instance, MakeInstance(row, request));
      HADRON_ASSIGN_OR_RETURN(auto program, library->Get("elementwise.cl", ""));
      const std::size_t groups = kGroupsPerUnit * library->device_info().compute_units;
      return std::unique_ptr<Kernel>(
          std::make_unique<ElementwiseKernel>(std::move(program), instance, groups));
    };
    registry.Add(BackendId::kOpenCl, {.op_type = row.op_type,
                                      .layout = LayoutRule::kFollow,
                                      .create = std::move(create),
                                      .supports = &Supports});
  }
}

}  // namespace hadron::backend::opencl
