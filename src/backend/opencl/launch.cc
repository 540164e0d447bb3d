#include "backend/opencl/launch.h"

#include <fmt/format.h>

#include <limits>

namespace hadron::backend::opencl {
namespace {

using base::Status;
using tensor::DataType;

class WorkLaunch final : public Launch {
 public:
  explicit WorkLaunch(std::vector<Work> works) : works_(std::move(works)) {}
  Status Enqueue(device::Stream& stream) override {
    for (const Work& work : works_) stream.Launch(*work.kernel, work.global, work.local);
    return {};
  }

 private:
  std::vector<Work> works_;
};

}  // namespace

std::unique_ptr<Launch> MakeLaunch(std::vector<Work> works) {
  return std::make_unique<WorkLaunch>(std::move(works));
}

Status NotHere(const KernelRequest& request, std::string_view why) {
  return base::Unimplemented(
      fmt::format("{}: {} does not run on OpenCL", request.node.Label(), why));
}

Status RequireFloats(const KernelRequest& request) {
  for (const auto& specs : {request.inputs, request.outputs}) {
    for (const TensorSpec& spec : specs) {
      if (spec.type == DataType::kInvalid) continue;
      if (spec.type != DataType::kFp32) return NotHere(request, "another type than FP32");
      const auto elements = spec.shape.CheckedElements();
      if (!elements || *elements > std::numeric_limits<std::int32_t>::max()) {
        return NotHere(request, "a tensor of 2^31 elements or more");
      }
      if (*elements == 0) return NotHere(request, "an empty tensor");
    }
  }
  return {};
}

bool IsPlain(const TensorSpec& spec) { return SameOrder(spec.layout, Layout::kPlain, spec.shape); }

bool IsChannelsLast(const TensorSpec& spec) {
  return SameOrder(spec.layout, Layout::kChannelsLast, spec.shape);
}

}  // namespace hadron::backend::opencl
