#include "unit/backend/kernel_rig.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace hadron::backend {
namespace {

using base::IoBuf;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

constexpr std::size_t kGuard = 64;
constexpr std::byte kGuardByte{0xA5};

const KernelRegistry& Registry() {
  static const KernelRegistry& registry = *[] {
    auto* built = new KernelRegistry;
    RegisterNativeKernels(*built);
    return built;
  }();
  return registry;
}

}  // namespace

std::vector<std::byte> Permute(const Shape& shape, std::size_t size, std::span<const std::byte> in,
                               bool to_channels_last) {
  std::vector<std::byte> out(in.size());
  const auto n = static_cast<std::size_t>(shape[0]);
  const auto c = static_cast<std::size_t>(shape[1]);
  const std::size_t p = n * c == 0 ? 0 : in.size() / size / n / c;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < c; ++j) {
      for (std::size_t k = 0; k < p; ++k) {
        const std::size_t plain = ((i * c + j) * p + k) * size;
        const std::size_t last = ((i * p + k) * c + j) * size;
        std::memcpy(out.data() + (to_channels_last ? last : plain),
                    in.data() + (to_channels_last ? plain : last), size);
      }
    }
  }
  return out;
}

Layout LayoutFor(LayoutRule rule, const NodeCase& c, std::size_t input, const Shape& shape) {
  if (shape.rank() < 3) return Layout::kPlain;
  const bool joined = c.node.op_type == "Concat";  // only its axis differs
  if (rule == LayoutRule::kFollow && (joined || shape == c.outputs[0].shape)) return c.follow;
  const bool operand = input >= c.node.inputs.size() && shape == c.outputs[0].shape;
  const bool last = rule == LayoutRule::kChannelsLast && (input == 0 || operand);
  return last ? Layout::kChannelsLast : Layout::kPlain;
}

Layout OutputLayout(LayoutRule rule, const NodeCase& c, const Shape& shape) {
  if (shape.rank() < 3 || rule == LayoutRule::kPlain) return Layout::kPlain;
  return rule == LayoutRule::kChannelsLast ? Layout::kChannelsLast : c.follow;
}

struct BoundKernel::Memory {
  explicit Memory(std::uint64_t size) : bytes(size) {
    data = static_cast<std::byte*>(std::aligned_alloc(64, (size + kGuard + 127) / 64 * 64));
    std::memset(data, 0xFF, size);  // NaN: what is not written shows
    std::memset(data + size, static_cast<int>(kGuardByte), kGuard);
  }
  ~Memory() { std::free(data); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::byte* data = nullptr;
  std::uint64_t bytes;
};

BoundKernel::~BoundKernel() = default;

void NodeCase::AddInput(HostTensor tensor, bool is_constant) {
  node.inputs.push_back(static_cast<graph::ValueId>(node.inputs.size()));
  inputs.push_back(std::move(tensor));
  constant.push_back(is_constant);
}

void NodeCase::LeaveInputOut() {
  node.inputs.push_back(graph::kNoValue);
  inputs.emplace_back();
  constant.push_back(false);
}

void NodeCase::AddPostOp(graph::PostOp::Kind kind, float a, float b) {
  node.post_ops.push_back({kind, a, b});
}

void NodeCase::AddPostOp(graph::PostOp::Kind kind, HostTensor operand) {
  node.post_ops.push_back({kind, 0, 0, 1000});
  inputs.push_back(std::move(operand));
  constant.push_back(false);
}

NodeCase Case(std::string op_type, std::string domain) {
  NodeCase c;
  c.node.name = "n";
  c.node.domain = std::move(domain);
  c.node.op_type = std::move(op_type);
  c.node.outputs = {2000};
  return c;
}

HostTensor FloatTensor(Shape shape, std::vector<float> values) {
  return TensorOf(DataType::kFp32, std::move(shape), values);
}

HostTensor RandomTensor(std::mt19937& random, Shape shape, float low, float high) {
  std::uniform_real_distribution<float> value(low, high);
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& v : values) v = value(random);
  return FloatTensor(std::move(shape), std::move(values));
}

std::vector<float> FloatsOf(const HostTensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  tensor.bytes.CopyTo(std::as_writable_bytes(std::span(values)));
  return values;
}

BufferView BoundKernel::Reserve(std::uint64_t bytes) {
  memory_.push_back(std::make_unique<Memory>(bytes));
  return {nullptr, 0, bytes, memory_.back()->data, nullptr};
}

BufferView BoundKernel::Place(const TensorSpec& spec, const IoBuf& bytes) {
  const BufferView view = Reserve(bytes.size());
  const IoBuf flat = bytes.Flatten();
  if (bytes.empty()) return view;
  if (spec.layout == Layout::kChannelsLast) {
    const auto moved = Permute(spec.shape, tensor::ElementSize(spec.type), flat.bytes(), true);
    std::memcpy(view.host, moved.data(), moved.size());
  } else {
    std::memcpy(view.host, flat.bytes().data(), flat.size());
  }
  return view;
}

StatusOr<std::unique_ptr<BoundKernel>> BoundKernel::Make(const NodeCase& c,
                                                         const std::vector<std::string>& hints) {
  const KernelEntry* entry = Registry().Find(BackendId::kNative, c.node.domain, c.node.op_type);
  if (entry == nullptr) return base::Unimplemented("no native kernel for " + c.node.op_type);
  std::unique_ptr<BoundKernel> bound(new BoundKernel);
  std::vector<TensorSpec> inputs;
  std::vector<graph::ConstantRef> constants;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const auto& desc = c.inputs[i].desc;
    inputs.push_back({desc.type, desc.shape, LayoutFor(entry->layout, c, i, desc.shape)});
    constants.push_back(c.constant[i] ? graph::Constant::FromTensor(c.inputs[i]) : nullptr);
  }
  for (const auto& desc : c.outputs) {
    bound->output_specs_.push_back(
        {desc.type, desc.shape, OutputLayout(entry->layout, c, desc.shape)});
  }
  std::vector<std::string> all_hints = hints;
  all_hints.resize(inputs.size());
  HADRON_ASSIGN_OR_RETURN(bound->kernel_, entry->create({c.node, inputs, bound->output_specs_,
                                                         constants, all_hints, c.threads}));
  const std::vector<Packing> packings = bound->kernel_->packings();
  KernelArgs args;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (c.constant[i] && i < packings.size() && !packings[i].key.empty()) {
      const BufferView view = bound->Reserve(packings[i].bytes);
      HADRON_RETURN_IF_ERROR(packings[i].pack(c.inputs[i], {view.host, view.bytes}));
      args.inputs.push_back(view);
    } else {
      args.inputs.push_back(bound->Place(inputs[i], c.inputs[i].bytes));
    }
  }
  for (const TensorSpec& spec : bound->output_specs_) {
    args.outputs.push_back(bound->Reserve(spec.bytes()));
  }
  bound->output_views_ = args.outputs;
  args.scratch = bound->Reserve(bound->kernel_->scratch_bytes());
  HADRON_ASSIGN_OR_RETURN(bound->launch_, bound->kernel_->Bind(args));
  return bound;
}

base::Status BoundKernel::Run() { return launch_->Run(); }

std::vector<HostTensor> BoundKernel::Outputs() const {
  std::vector<HostTensor> outputs;
  for (std::size_t i = 0; i < output_specs_.size(); ++i) {
    const TensorSpec& spec = output_specs_[i];
    const std::span<const std::byte> bytes(output_views_[i].host, output_views_[i].bytes);
    const bool moved = spec.layout == Layout::kChannelsLast;
    outputs.push_back({{"", spec.type, spec.shape},
                       moved ? IoBuf::FromVector(Permute(spec.shape, tensor::ElementSize(spec.type),
                                                         bytes, false))
                             : IoBuf::Copy(bytes)});
  }
  return outputs;
}

bool BoundKernel::GuardsIntact() const {
  for (const auto& memory : memory_) {
    for (std::size_t i = 0; i < kGuard; ++i) {
      if (memory->data[memory->bytes + i] != kGuardByte) return false;
    }
  }
  return true;
}

std::vector<HostTensor> RunNative(const NodeCase& c) {
  auto bound = BoundKernel::Make(c);
  if (!bound.ok()) {
    ADD_FAILURE() << std::string(bound.message());
    return {};
  }
  // The second run sees what the first one left behind: no state may leak into the result.
  for (int run = 0; run < 2; ++run) {
    const base::Status status = (*bound)->Run();
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  EXPECT_TRUE((*bound)->GuardsIntact()) << c.node.op_type << " wrote behind a tensor";
  return (*bound)->Outputs();
}

std::vector<HostTensor> RunOracle(const NodeCase& c) {
  auto results = RunReference(c.node, c.inputs, c.outputs);
  if (!results.ok()) {
    ADD_FAILURE() << std::string(results.message());
    return {};
  }
  return std::move(results).value();
}

double RelativeError(const HostTensor& y, const HostTensor& ref) {
  const std::vector<float> a = FloatsOf(y);
  const std::vector<float> b = FloatsOf(ref);
  if (a.size() != b.size()) return INFINITY;
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) {
      norm += std::isfinite(b[i]) ? static_cast<double>(b[i]) * static_cast<double>(b[i]) : 0;
      continue;
    }
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  if (!std::isfinite(difference)) return INFINITY;
  return difference == 0 ? 0 : std::sqrt(difference / std::fmax(norm, 1e-30));
}

void ExpectAgrees(const NodeCase& c, double bound, const CaseRunner& run) {
  const auto native = run(c);
  const auto oracle = RunOracle(c);
  ASSERT_EQ(native.size(), oracle.size());
  for (std::size_t i = 0; i < native.size(); ++i) {
    if (native[i].desc.type == DataType::kFp32) {
      EXPECT_LE(RelativeError(native[i], oracle[i]), bound) << c.node.op_type << " output " << i;
    } else {
      EXPECT_EQ(native[i].bytes.ToString(), oracle[i].bytes.ToString()) << c.node.op_type;
    }
  }
}

void ExpectBatchInvariant(const NodeCase& c, const CaseRunner& run) {
  const std::int64_t batch = c.outputs[0].shape[0];
  const auto all = run(c);
  ASSERT_EQ(all.size(), c.outputs.size());
  const auto row = [&](const HostTensor& tensor, std::int64_t r) {
    const std::size_t bytes = tensor.bytes.size() / static_cast<std::size_t>(batch);
    return tensor.bytes.Sub(static_cast<std::size_t>(r) * bytes, bytes);
  };
  for (std::int64_t r = 0; r < batch; ++r) {
    NodeCase one = c;
    for (std::size_t i = 0; i < one.inputs.size(); ++i) {
      HostTensor& input = one.inputs[i];
      const bool batched = i == 0 || input.desc.shape == c.outputs[0].shape;
      if (!batched || c.constant[i]) continue;
      input.bytes = row(c.inputs[i], r);
      input.desc.shape[0] = 1;
    }
    for (auto& desc : one.outputs) desc.shape[0] = 1;
    const auto alone = run(one);
    ASSERT_EQ(alone.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(alone[i].bytes.ToString(), row(all[i], r).ToString())
          << c.node.op_type << " row " << r << " output " << i;
    }
  }
}

}  // namespace hadron::backend
