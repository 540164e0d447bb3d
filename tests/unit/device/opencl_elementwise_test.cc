// The OpenCL element-wise kernels against the reference executor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <vector>

#include "backend/kernel.h"
#include "backend/reference_executor.h"
#include "base/bytes.h"
#include "device/opencl/factory.h"
#include "lane_thread.h"

namespace hadron::backend {
namespace {

using device::Finish;
using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;
using testing::HasSubstr;

constexpr std::uint64_t kArenaBytes = std::uint64_t{8} << 20;

HostTensor MakeTensor(const Shape& shape, std::vector<float> values) {
  return {.desc = {"t", DataType::kFp32, shape},
          .bytes = base::IoBuf::Copy(std::as_bytes(std::span(values)))};
}

HostTensor Random(const Shape& shape, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> in_range(-4.0F, 4.0F);
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& v : values) v = in_range(engine);
  return MakeTensor(shape, std::move(values));
}

std::vector<float> Floats(const HostTensor& tensor) {
  const base::IoBuf flat = tensor.bytes.Flatten();
  if (flat.empty()) return {};
  std::vector<float> values(flat.size() / sizeof(float));
  flat.CopyTo(std::as_writable_bytes(std::span(values)));
  return values;
}

TensorSpec SpecOf(const HostTensor& tensor) {
  return {.type = tensor.desc.type, .shape = tensor.desc.shape, .layout = Layout::kPlain};
}

graph::Node MakeNode(const std::string& op_type) {
  graph::Node node;
  node.name = "n";
  node.op_type = op_type;
  return node;
}

/// Equal within a few units in the last place; NaN equals NaN.
void ExpectClose(const std::vector<float>& got, const std::vector<float>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i]) && std::isnan(got[i])) continue;
    if (got[i] == expected[i]) continue;  // infinities too
    ASSERT_NEAR(got[i], expected[i], 1e-6F * std::max(1.0F, std::fabs(expected[i]))) << "at " << i;
  }
}

class OpenClElementwise : public testing::Test {
 protected:
  void SetUp() override {
    auto device = device::MakeOpenClDevice(0, 2 * kArenaBytes);
    ASSERT_TRUE(device.ok()) << device.message() << " (Debian: pocl-opencl-icd)";
    device_ = std::move(device).value();
    auto stream = device_->CreateStream(lane_.executor());
    ASSERT_TRUE(stream.ok());
    stream_ = std::move(stream).value();
    auto reservation = device_->memory().Reserve("arena", kArenaBytes);
    arena_ = device_->Allocate(std::move(reservation).value(), kArenaBytes).value();
    RegisterOpenClKernels(registry_, *device_, {});
  }

  base::StatusOr<std::unique_ptr<Kernel>> Create(const graph::Node& node,
                                                 const std::vector<TensorSpec>& inputs,
                                                 const TensorSpec& output,
                                                 const std::vector<HostTensor>& values = {}) {
    const KernelEntry* entry = registry_.Find(BackendId::kOpenCl, "", node.op_type);
    if (entry == nullptr) return base::NotFound("no kernel for " + node.op_type);
    std::vector<graph::ConstantRef> constants(inputs.size());
    for (std::size_t i = 1; i < values.size(); ++i) {
      constants[i] = graph::Constant::FromTensor(values[i]);
    }
    return entry->create({.node = node,
                          .inputs = inputs,
                          .outputs = std::span(&output, 1),
                          .constants = constants,
                          .packing_hints = {}});
  }

  BufferView Place(std::uint64_t bytes) {
    const std::uint64_t at = next_offset_;
    const std::uint64_t align = device_->info().base_align;
    next_offset_ = (at + bytes + align) / align * align;
    EXPECT_LE(next_offset_, kArenaBytes);
    return {.buffer = arena_.get(), .offset = at, .bytes = bytes};
  }

  /// Runs a kernel on the device with every tensor somewhere in one arena.
  std::vector<float> RunOnDevice(const Kernel& kernel, const std::vector<HostTensor>& inputs,
                                 const Shape& output) {
    next_offset_ = device_->info().base_align;
    KernelArgs args;
    for (const HostTensor& input : inputs) {
      args.inputs.push_back(Place(input.bytes.size()));
      if (input.bytes.empty()) continue;
      stream_->Upload(input.bytes.bytes(), *arena_, args.inputs.back().offset);
    }
    std::vector<float> result(static_cast<std::size_t>(output.elements()));
    args.outputs.push_back(Place(result.size() * sizeof(float)));
    auto launch = kernel.Bind(args);
    EXPECT_TRUE(launch.ok()) << launch.message();
    EXPECT_TRUE((*launch)->Enqueue(*stream_).ok());
    stream_->Download(*arena_, args.outputs[0].offset, std::as_writable_bytes(std::span(result)));
    const base::Status status = Finish(*stream_);
    EXPECT_TRUE(status.ok()) << status.message();
    return result;
  }

  void ExpectLikeReference(graph::Node node, const std::vector<HostTensor>& inputs,
                           const Shape& output) {
    node.inputs.resize(inputs.size());
    const tensor::TensorDesc desc{"y", DataType::kFp32, output};
    auto expected = RunReference(node, inputs, std::span(&desc, 1));
    ASSERT_TRUE(expected.ok()) << expected.message();
    std::vector<TensorSpec> specs;
    for (const HostTensor& input : inputs) specs.push_back(SpecOf(input));
    auto kernel = Create(
        node, specs, {.type = DataType::kFp32, .shape = output, .layout = Layout::kPlain}, inputs);
    ASSERT_TRUE(kernel.ok()) << kernel.message();
    EXPECT_TRUE((*kernel)->on_device());
    ExpectClose(RunOnDevice(**kernel, inputs, output), Floats((*expected)[0]));
  }

  device::LaneThread lane_;
  std::unique_ptr<device::Device> device_;
  std::unique_ptr<device::DeviceBuffer> arena_;
  std::unique_ptr<device::Stream> stream_;
  KernelRegistry registry_;
  std::uint64_t next_offset_ = 0;
};

constexpr std::array kUnary = {
    "Identity", "Neg",         "Abs",       "Floor",   "Ceil",     "Sqrt", "Reciprocal",
    "Exp",      "Log",         "Tanh",      "Sigmoid", "Relu",     "Erf",  "LeakyRelu",
    "Elu",      "HardSigmoid", "HardSwish", "Gelu",    "Softplus", "Clip", "Swish"};
constexpr std::array kBinary = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"};

TEST_F(OpenClElementwise, UnaryOperatorsAgreeWithReferenceAtOddSizes) {
  for (const char* op : kUnary) {
    for (const std::int64_t size : {0, 1, 3, 4, 5, 255, 1023, 4099}) {
      SCOPED_TRACE(testing::Message() << op << " of " << size);
      ExpectLikeReference(MakeNode(op), {Random({size}, 1)}, {size});
    }
  }
}

TEST_F(OpenClElementwise, UnaryOperatorsKeepNanAndInfinity) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> special = {kNan, kInf, -kInf, 0.0F, -0.0F, 1e30F, -1e30F, kNan, 90.0F};
  for (const char* op : kUnary) {
    SCOPED_TRACE(op);
    ExpectLikeReference(MakeNode(op), {MakeTensor({9}, special)}, {9});
  }
}

TEST_F(OpenClElementwise, ErrorFunctionIsAccurate) {
  std::vector<float> points(20001);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = (static_cast<float>(i) - 10000.0F) * 5e-4F;
  }
  const HostTensor x = MakeTensor({20001}, points);
  auto kernel = Create(MakeNode("Erf"), {SpecOf(x)}, SpecOf(x));
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  const std::vector<float> y = RunOnDevice(**kernel, {x}, {20001});
  for (std::size_t i = 0; i < points.size(); ++i) {
    ASSERT_NEAR(y[i], std::erf(static_cast<double>(points[i])), 2e-7) << points[i];
  }
}

TEST_F(OpenClElementwise, LeakyReluTakesItsSlope) {
  graph::Node node = MakeNode("LeakyRelu");
  node.attributes.Set("alpha", 0.3F);
  ExpectLikeReference(node, {Random({100}, 7)}, {100});
}

TEST_F(OpenClElementwise, ActivationsTakeTheirNumbers) {
  for (const char* op : {"Elu", "HardSigmoid"}) {
    graph::Node node = MakeNode(op);
    node.attributes.Set("alpha", 0.7F);
    node.attributes.Set("beta", 0.1F);
    ExpectLikeReference(node, {Random({100}, 7)}, {100});
  }
  graph::Node gelu = MakeNode("Gelu");
  gelu.attributes.Set("approximate", std::string("tanh"));
  ExpectLikeReference(gelu, {Random({100}, 7)}, {100});
  graph::Node swish = MakeNode("Swish");
  swish.attributes.Set("alpha", 1.7F);
  ExpectLikeReference(swish, {Random({100}, 7)}, {100});
}

TEST_F(OpenClElementwise, ClipTakesConstantBounds) {
  graph::Node node = MakeNode("Clip");
  ExpectLikeReference(node, {Random({101}, 7), MakeTensor({}, {-1}), MakeTensor({}, {2})}, {101});
  ExpectLikeReference(node, {Random({101}, 7), MakeTensor({}, {0.5F})}, {101});
  node.inputs = {0, 1};
  const TensorSpec spec = SpecOf(Random({4}, 8));
  const TensorSpec bound = SpecOf(MakeTensor({}, {1}));
  EXPECT_EQ(Create(node, {spec, bound}, spec).code(), base::StatusCode::kUnimplemented);
}

TEST_F(OpenClElementwise, SquaresArePowersOfConstantTwo) {
  const graph::Node node = MakeNode("Pow");
  for (const float exponent : {2.0F, 3.0F}) {
    ExpectLikeReference(node, {Random({103}, 7), MakeTensor({}, {exponent})}, {103});
  }
}

TEST_F(OpenClElementwise, SlopesMayDifferByChannel) {
  ExpectLikeReference(MakeNode("PRelu"), {Random({2, 3, 7}, 7), Random({3, 1}, 8)}, {2, 3, 7});
}

TEST_F(OpenClElementwise, ExtremesOfNanAreNan) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const HostTensor x = MakeTensor({5}, {kNan, 1, 2, kNan, 3});
  const HostTensor y = MakeTensor({5}, {1, kNan, 1, kNan, 4});
  for (const char* op : {"Max", "Min"}) ExpectLikeReference(MakeNode(op), {x, y}, {5});
}

TEST_F(OpenClElementwise, BinaryOperatorsAgreeOnEqualShapes) {
  for (const char* op : kBinary) {
    for (const std::int64_t size : {0, 1, 3, 4, 7, 1021, 2048}) {
      SCOPED_TRACE(testing::Message() << op << " of " << size);
      ExpectLikeReference(MakeNode(op), {Random({size}, 1), Random({size}, 2)}, {size});
    }
  }
}

TEST_F(OpenClElementwise, BinaryOperatorsBroadcast) {
  struct Case {
    Shape x, y, out;
  };
  const std::vector<Case> cases = {
      {{5, 7}, {}, {5, 7}},
      {{1}, {5, 7}, {5, 7}},
      {{3, 1}, {1, 4}, {3, 4}},
      {{2, 3, 5, 7}, {3, 1, 1}, {2, 3, 5, 7}},
      {{2, 1, 5, 1}, {3, 1, 7}, {2, 3, 5, 7}},
      {{4, 0, 2}, {2}, {4, 0, 2}},
      {{2, 1, 2, 1, 2, 1, 3}, {1, 2, 1, 2, 1, 2, 1}, {2, 2, 2, 2, 2, 2, 3}},
  };
  for (const char* op : kBinary) {
    for (const Case& c : cases) {
      SCOPED_TRACE(std::string(op) + " of " + c.x.ToString() + " and " + c.y.ToString());
      ExpectLikeReference(MakeNode(op), {Random(c.x, 3), Random(c.y, 4)}, c.out);
    }
  }
}

TEST_F(OpenClElementwise, ChannelsLastResultReadsPlainOperandsInItsOwnOrder) {
  // [1,2,2,2] with channels last: pixel by pixel, two channels each.
  const HostTensor x = MakeTensor({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const HostTensor bias = MakeTensor({2, 1, 1}, {10, 20});
  TensorSpec spec = SpecOf(x);
  spec.layout = Layout::kChannelsLast;
  auto kernel = Create(MakeNode("Add"), {spec, SpecOf(bias)}, spec);
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  EXPECT_EQ(RunOnDevice(**kernel, {x, bias}, x.desc.shape),
            (std::vector<float>{11, 22, 13, 24, 15, 26, 17, 28}));
}

TEST_F(OpenClElementwise, ResultMayReplaceAnOperand) {
  const HostTensor x = Random({1003}, 5);
  auto kernel = Create(MakeNode("Add"), {SpecOf(x), SpecOf(x)}, SpecOf(x));
  ASSERT_TRUE(kernel.ok());
  const BufferView view{.buffer = arena_.get(), .offset = 0, .bytes = x.bytes.size()};
  KernelArgs args{.inputs = {view, view}, .outputs = {view}, .scratch = {}};
  auto launch = (*kernel)->Bind(args);
  ASSERT_TRUE(launch.ok());
  std::vector<float> got(1003);
  stream_->Upload(x.bytes.bytes(), *arena_, 0);
  ASSERT_TRUE((*launch)->Enqueue(*stream_).ok());
  stream_->Download(*arena_, 0, std::as_writable_bytes(std::span(got)));
  ASSERT_TRUE(Finish(*stream_).ok());
  std::vector<float> expected = Floats(x);
  for (float& v : expected) v += v;
  EXPECT_EQ(got, expected);
}

TEST_F(OpenClElementwise, OtherTypesAndPostOpsAreLeftToOtherBackends) {
  const TensorSpec wide{.type = DataType::kFp64, .shape = {4}, .layout = Layout::kPlain};
  const TensorSpec narrow{.type = DataType::kFp32, .shape = {4}, .layout = Layout::kPlain};
  const auto by_type = Create(MakeNode("Relu"), {wide}, wide);
  ASSERT_FALSE(by_type.ok());
  EXPECT_EQ(by_type.code(), base::StatusCode::kUnimplemented);
  const KernelEntry* entry = registry_.Find(BackendId::kOpenCl, "", "Relu");
  EXPECT_FALSE(entry->supports(MakeNode("Relu"), std::span(&wide, 1)));
  EXPECT_TRUE(entry->supports(MakeNode("Relu"), std::span(&narrow, 1)));

  graph::Node fused = MakeNode("Add");
  fused.post_ops.push_back({.kind = graph::PostOp::Kind::kRelu});
  const auto by_post_op = Create(fused, {narrow, narrow}, narrow);
  ASSERT_FALSE(by_post_op.ok());
  EXPECT_EQ(by_post_op.code(), base::StatusCode::kUnimplemented);
}

TEST_F(OpenClElementwise, KernelDirectoryReplacesTheEmbeddedSources) {
  const auto dir = std::filesystem::temp_directory_path() /
                   ("hadron_kernels_" + std::to_string(std::random_device{}()));
  std::filesystem::create_directory(dir);
  std::ofstream(dir / "common.clh") << "#define FACTOR 3.0f\n";
  std::ofstream(dir / "elementwise.cl")
      << "__kernel void relu(__global const float* x, ulong x_at, __global float* y, ulong y_at,"
         " uint n, uint chunk, float a, float b) { for (uint i = get_global_id(0) * chunk;"
         " i < min(n, (uint)(get_global_id(0) + 1) * chunk); ++i) y[y_at + i] ="
         " FACTOR * x[x_at + i]; }";
  registry_ = {};
  RegisterOpenClKernels(registry_, *device_, {.kernel_dir = dir.string()});
  const HostTensor x = MakeTensor({2}, {-1, 2});
  auto kernel = Create(MakeNode("Relu"), {SpecOf(x)}, SpecOf(x));
  std::filesystem::remove_all(dir);
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  EXPECT_EQ(RunOnDevice(**kernel, {x}, {2}), (std::vector<float>{-3, 6}));

  registry_ = {};
  RegisterOpenClKernels(registry_, *device_, {.kernel_dir = dir.string()});
  const auto missing = Create(MakeNode("Relu"), {SpecOf(x)}, SpecOf(x));
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.message(), HasSubstr(dir.string()));
}

}  // namespace
}  // namespace hadron::backend
