// Max and average pools over 1 to 3 spatial axes, channels-last, as launches of kernels/pool.cl.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "backend/opencl/launch.h"
#include "backend/opencl/register.h"
#include "backend/opencl/tile.h"
#include "backend/opencl/window.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;

/// Vectors of channels that a work-item of the CPU family takes at most.
constexpr std::size_t kMaxBlock = 64;

struct PoolParts {
  KernelWindow window;
  std::string kernel;
  std::int32_t padding = 0;  ///< means count the padding
  std::array<std::int32_t, 3> pad_ends = {0, 0, 0};
  std::uint32_t block = 1;
  std::size_t items = 1;  ///< of a group

  std::size_t units() const { return Size(window.rows) * Size(window.panels); }
};

class PoolKernel final : public Kernel {
 public:
  PoolKernel(std::shared_ptr<device::Program> program, PoolParts parts)
      : program_(std::move(program)), parts_(std::move(parts)) {}

  bool on_device() const override { return true; }
  std::string description() const override { return "opencl " + parts_.kernel; }

  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel(parts_.kernel));
    ArgumentWriter arguments(*kernel);
    arguments.Tensor(args.inputs[0]).Tensor(args.outputs[0]).Scalar(parts_.window);
    arguments.Scalar(parts_.block).Scalar(parts_.padding);
    for (const std::int32_t end : parts_.pad_ends) arguments.Scalar(end);
    HADRON_RETURN_IF_ERROR(arguments.Finish());
    const std::size_t per_group = parts_.items * parts_.block;
    const std::size_t groups = (parts_.units() + per_group - 1) / per_group;
    std::vector<Work> works;
    works.push_back({std::move(kernel), {groups * parts_.items, 1, 1}, {parts_.items, 1, 1}});
    return MakeLaunch(std::move(works));
  }

 private:
  const std::shared_ptr<device::Program> program_;
  const PoolParts parts_;
};

Status Check(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  const TensorSpec& x = request.inputs[0];
  if (x.shape.rank() < 3 || x.shape.rank() > 5 || request.node.HasOutput(1)) {
    return NotHere(request, "this form of pool");
  }
  if (!IsChannelsLast(x) || !IsChannelsLast(request.outputs[0])) {
    return NotHere(request, "a pool of tensors that are not channels-last");
  }
  return request.node.post_ops.empty() ? Status() : NotHere(request, "a fused operation");
}

/// All of an image is one window.
graph::Window GlobalWindow(const tensor::Shape& x) {
  graph::Window window;
  for (std::size_t i = 2; i < x.rank(); ++i) {
    window.axes.push_back({.kernel = x[i], .output = 1});
  }
  return window;
}

StatusOr<std::unique_ptr<Kernel>> Create(ProgramLibrary& library, const KernelRequest& request,
                                         const char* kernel, bool global) {
  HADRON_RETURN_IF_ERROR(Check(request));
  const tensor::Shape& x = request.inputs[0].shape;
  graph::Window window = GlobalWindow(x);
  if (!global) {
    HADRON_ASSIGN_OR_RETURN(window, graph::ResolvePool(request.node, x));
  }
  HADRON_ASSIGN_OR_RETURN(const auto phases,
                          MakePhases(ShapeOf(window, x, request.outputs[0].shape)));
  const bool cpu = library.cpu_family();
  const std::int64_t vector = !cpu ? 4 : library.device_info().vector_floats >= 16 ? 16 : 8;
  PoolParts parts;
  parts.window = phases.at(0).window;
  parts.window.panels = static_cast<std::int32_t>(CeilDivide(x[1], vector));
  parts.kernel = kernel;
  parts.padding = window.count_include_pad ? 1 : 0;
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    parts.pad_ends[3 - window.axes.size() + i] = static_cast<std::int32_t>(window.axes[i].pad_end);
  }
  parts.items = cpu ? 1 : kGroupItems;
  const std::size_t items = 16 * library.device_info().compute_units;
  if (cpu) {
    parts.block =
        static_cast<std::uint32_t>(std::clamp<std::size_t>(parts.units() / items, 1, kMaxBlock));
  }
  HADRON_ASSIGN_OR_RETURN(auto program, library.Get("pool.cl", fmt::format("-DVECTOR={} -DGROUP={}",
                                                                           vector, parts.items)));
  return std::unique_ptr<Kernel>(
      std::make_unique<PoolKernel>(std::move(program), std::move(parts)));
}

}  // namespace

void RegisterPool(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library) {
  const auto add = [&](const char* op_type, const char* kernel, bool global) {
    registry.Add(BackendId::kOpenCl, {.op_type = op_type,
                                      .layout = LayoutRule::kChannelsLast,
                                      .create = [=](const KernelRequest& request) {
                                        return Create(*library, request, kernel, global);
                                      }});
  };
  add("MaxPool", "max_pool", false);
  add("AveragePool", "average_pool", false);
  add("GlobalMaxPool", "max_pool", true);
  add("GlobalAveragePool", "average_pool", true);
}

}  // namespace hadron::backend::opencl
