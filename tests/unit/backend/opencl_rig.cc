#include "unit/backend/opencl_rig.h"

#include <algorithm>
#include <cstring>

namespace hadron::backend {
namespace {

using base::IoBuf;
using base::Status;
using base::StatusOr;
using tensor::HostTensor;

constexpr std::uint64_t kArenaBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kArenaGuard = 256;
constexpr std::byte kArenaGuardByte{0xA5};

/// The arena's content, made on the host: tensors with a guard behind each.
class Image {
 public:
  explicit Image(device::DeviceBuffer& arena) : arena_(arena) {}

  BufferView Place(std::span<const std::byte> content) {
    const BufferView view = Reserve(content.size());
    std::ranges::copy(content, bytes.begin() + static_cast<std::ptrdiff_t>(view.offset));
    return view;
  }
  /// NaN: what is not written shows.
  BufferView Reserve(std::uint64_t size) {
    const std::uint64_t at = bytes.size();
    bytes.resize(at + size, std::byte{0xFF});
    guards_.push_back(bytes.size());
    bytes.resize((bytes.size() + 2 * kArenaGuard - 1) / kArenaGuard * kArenaGuard, kArenaGuardByte);
    return {&arena_, at, size, nullptr, nullptr};
  }
  bool GuardsIntact() const {
    return std::ranges::all_of(guards_, [&](std::uint64_t at) {
      const std::uint64_t end = (at + 2 * kArenaGuard - 1) / kArenaGuard * kArenaGuard;
      return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                         bytes.begin() + static_cast<std::ptrdiff_t>(end),
                         [](std::byte b) { return b == kArenaGuardByte; });
    });
  }

  std::vector<std::byte> bytes;

 private:
  device::DeviceBuffer& arena_;
  std::vector<std::uint64_t> guards_;
};

}  // namespace

struct OpenClRig::Specs {
  const KernelEntry* entry = nullptr;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

OpenClRig::OpenClRig(const OpenClOptions& options) {
  device_ = device::MakeOpenClDevice(0, 2 * kArenaBytes).value();
  stream_ = device_->CreateStream(lane_.executor()).value();
  auto reservation = device_->memory().Reserve("arena", kArenaBytes).value();
  arena_ = device_->Allocate(std::move(reservation), kArenaBytes).value();
  programs_ = RegisterOpenClKernels(registry_, *device_, options);
}

StatusOr<OpenClRig::Specs> OpenClRig::SpecsOf(const NodeCase& c) const {
  Specs specs;
  specs.entry = registry_.Find(BackendId::kOpenCl, c.node.domain, c.node.op_type);
  if (specs.entry == nullptr) return base::Unimplemented("no kernel for " + c.node.op_type);
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const auto& desc = c.inputs[i].desc;
    specs.inputs.push_back(
        {desc.type, desc.shape, LayoutFor(specs.entry->layout, c, i, desc.shape)});
  }
  for (const auto& desc : c.outputs) {
    specs.outputs.push_back(
        {desc.type, desc.shape, OutputLayout(specs.entry->layout, c, desc.shape)});
  }
  return specs;
}

StatusOr<std::unique_ptr<Kernel>> OpenClRig::Create(const NodeCase& c) {
  HADRON_ASSIGN_OR_RETURN(const Specs specs, SpecsOf(c));
  std::vector<graph::ConstantRef> constants;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    constants.push_back(c.constant[i] ? graph::Constant::FromTensor(c.inputs[i]) : nullptr);
  }
  const std::vector<std::string> hints(c.inputs.size());
  return specs.entry->create({c.node, specs.inputs, specs.outputs, constants, hints, 1});
}

StatusOr<std::vector<HostTensor>> OpenClRig::TryRun(const NodeCase& c) {
  HADRON_ASSIGN_OR_RETURN(const Specs specs, SpecsOf(c));
  HADRON_ASSIGN_OR_RETURN(const auto kernel, Create(c));
  Image image(*arena_);
  KernelArgs args;
  const std::vector<Packing> packings = kernel->packings();
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const IoBuf flat = c.inputs[i].bytes.Flatten();
    const TensorSpec& spec = specs.inputs[i];
    if (c.constant[i] && i < packings.size() && !packings[i].key.empty()) {
      std::vector<std::byte> packed(packings[i].bytes, std::byte{0xFF});
      HADRON_RETURN_IF_ERROR(packings[i].pack(c.inputs[i], packed));
      args.inputs.push_back(image.Place(packed));
    } else if (spec.layout == Layout::kChannelsLast) {
      args.inputs.push_back(
          image.Place(Permute(spec.shape, tensor::ElementSize(spec.type), flat.bytes(), true)));
    } else {
      args.inputs.push_back(image.Place(flat.bytes()));
    }
  }
  for (const TensorSpec& spec : specs.outputs) args.outputs.push_back(image.Reserve(spec.bytes()));
  args.scratch = image.Reserve(kernel->scratch_bytes());
  EXPECT_LE(image.bytes.size(), kArenaBytes);
  HADRON_ASSIGN_OR_RETURN(const auto launch, kernel->Bind(args));
  stream_->Upload(image.bytes, *arena_, 0);
  HADRON_RETURN_IF_ERROR(launch->Enqueue(*stream_));
  stream_->Download(*arena_, 0, image.bytes);
  HADRON_RETURN_IF_ERROR(device::Finish(*stream_));
  EXPECT_TRUE(image.GuardsIntact()) << c.node.op_type << " wrote behind a tensor";
  std::vector<HostTensor> outputs;
  for (std::size_t i = 0; i < specs.outputs.size(); ++i) {
    const TensorSpec& spec = specs.outputs[i];
    const auto bytes = std::span<const std::byte>(image.bytes)
                           .subspan(args.outputs[i].offset, args.outputs[i].bytes);
    const bool moved = spec.layout == Layout::kChannelsLast;
    outputs.push_back({{"", spec.type, spec.shape},
                       moved ? IoBuf::FromVector(Permute(spec.shape, tensor::ElementSize(spec.type),
                                                         bytes, false))
                             : IoBuf::Copy(bytes)});
  }
  return outputs;
}

std::vector<HostTensor> OpenClRig::Run(const NodeCase& c) {
  auto outputs = TryRun(c);
  if (outputs.ok()) return std::move(outputs).value();
  ADD_FAILURE() << std::string(outputs.message());
  return {};
}

OpenClRig& OpenClOperators::rig() {
  auto& rig = rigs_[GetParam()];
  if (rig == nullptr) {
    rig =
        std::make_unique<OpenClRig>(GetParam() == "cpu" ? OpenClFamily::kCpu : OpenClFamily::kGpu);
  }
  return *rig;
}

}  // namespace hadron::backend
