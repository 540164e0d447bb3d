#include "backend/native/host_kernel.h"

#include <fmt/format.h>

namespace hadron::backend::native {
namespace {

class HostKernel final : public Kernel {
 public:
  explicit HostKernel(HostKernelParts parts) : parts_(std::move(parts)) {}
  std::uint64_t scratch_bytes() const override { return parts_.scratch_bytes; }
  std::vector<Packing> packings() const override { return parts_.packings; }
  std::vector<std::size_t> in_place_inputs() const override { return parts_.in_place; }
  bool reads_anywhere() const override { return parts_.reads_anywhere; }
  std::string description() const override { return parts_.description; }
  base::StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    return parts_.bind(args);
  }

 private:
  HostKernelParts parts_;
};

}  // namespace

std::unique_ptr<Kernel> MakeHostKernel(HostKernelParts parts) {
  return std::make_unique<HostKernel>(std::move(parts));
}

base::Status NotHere(const KernelRequest& request, std::string_view why) {
  return base::Unimplemented(fmt::format("{}: {}", request.node.Label(), why));
}

base::Status RequireFloats(const KernelRequest& request) {
  for (const auto& specs : {request.inputs, request.outputs}) {
    for (const TensorSpec& spec : specs) {
      if (spec.type == tensor::DataType::kFp32 || spec.type == tensor::DataType::kInvalid) continue;
      return NotHere(request, "the native kernel computes in FP32 only");
    }
  }
  return {};
}

bool IsChannelsLast(const TensorSpec& spec) {
  return SameOrder(spec.layout, Layout::kChannelsLast, spec.shape);
}

bool IsPlain(const TensorSpec& spec) { return SameOrder(spec.layout, Layout::kPlain, spec.shape); }

}  // namespace hadron::backend::native
