#include <gtest/gtest.h>

#include <fmt/format.h>

#include "graph/window.h"
#include "unit/backend/kernel_rig.h"

namespace hadron::backend {
namespace {

using graph::PostOp;
using tensor::DataType;
using tensor::Shape;

struct ConvCase {
  std::int64_t batch, groups, in, out;  // channels per group
  std::vector<std::int64_t> size, kernel, stride, dilation, pads;
  bool transposed = false;
  bool bias = true;
};

NodeCase Build(std::mt19937& random, const ConvCase& p) {
  NodeCase c = Case(p.transposed ? "ConvTranspose" : "Conv");
  auto& attributes = c.node.attributes;
  attributes.Set("group", p.groups);
  attributes.Set("strides", p.stride);
  attributes.Set("dilations", p.dilation);
  attributes.Set("pads", p.pads);
  std::vector<std::int64_t> x = {p.batch, p.groups * p.in};
  std::vector<std::int64_t> w =
      p.transposed ? std::vector{p.groups * p.in, p.out} : std::vector{p.groups * p.out, p.in};
  x.insert(x.end(), p.size.begin(), p.size.end());
  w.insert(w.end(), p.kernel.begin(), p.kernel.end());
  c.AddInput(RandomTensor(random, Shape(x)));
  c.AddInput(RandomTensor(random, Shape(w)), true);
  if (p.bias) c.AddInput(RandomTensor(random, {p.groups * p.out}), true);
  const auto window = p.transposed ? graph::ResolveConvTranspose(c.node, Shape(x), Shape(w))
                                   : graph::ResolveConv(c.node, Shape(x), Shape(w));
  std::vector<std::int64_t> y = {p.batch, p.groups * p.out};
  if (window.ok()) {
    for (const auto& axis : window.value().axes) y.push_back(axis.output);
  }
  c.outputs = {{"y", DataType::kFp32, Shape(y)}};
  return c;
}

std::int64_t Pick(std::mt19937& random, std::initializer_list<std::int64_t> values) {
  return *(values.begin() + static_cast<std::ptrdiff_t>(random() % values.size()));
}

ConvCase RandomCase(std::mt19937& random, bool transposed) {
  const std::size_t rank = 1 + random() % 3;
  ConvCase p{Pick(random, {1, 2, 3}),
             Pick(random, {1, 1, 1, 2, 3}),
             Pick(random, {1, 2, 3, 5, 8, 16, 17, 31}),
             Pick(random, {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 40, 67}),
             {},
             {},
             {},
             {},
             {}};
  p.transposed = transposed;
  p.bias = random() % 2 == 0;
  for (std::size_t i = 0; i < rank; ++i) {
    p.kernel.push_back(Pick(random, {1, 2, 3, 4, 5}));
    p.stride.push_back(Pick(random, {1, 1, 2, 3}));
    p.dilation.push_back(Pick(random, {1, 1, 2}));
    p.size.push_back(Pick(random, {1, 2, 3, 5, 7, 8, 9}) + (p.kernel[i] - 1) * p.dilation[i]);
  }
  for (std::size_t side = 0; side < 2; ++side) {
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t most = transposed ? (p.kernel[i] - 1) * p.dilation[i] / 2 : p.kernel[i];
      p.pads.push_back(static_cast<std::int64_t>(random()) % (most + 1));
    }
  }
  return p;
}

std::string Describe(const ConvCase& p) {
  std::string text = fmt::format("batch {} groups {} in {} out {}", p.batch, p.groups, p.in, p.out);
  for (std::size_t i = 0; i < p.size.size(); ++i) {
    text +=
        fmt::format(" [size {} kernel {} stride {} dilation {} pads {} {}]", p.size[i], p.kernel[i],
                    p.stride[i], p.dilation[i], p.pads[i], p.pads[i + p.size.size()]);
  }
  return text;
}

class RandomConv : public testing::TestWithParam<bool> {};

TEST_P(RandomConv, AgreesWithTheReference) {
  std::mt19937 random(GetParam() ? 7 : 11);
  for (int i = 0; i < 150; ++i) {
    const ConvCase p = RandomCase(random, GetParam());
    SCOPED_TRACE(Describe(p));
    ExpectAgrees(Build(random, p), 1e-6);
    if (HasFatalFailure()) return;
  }
}

TEST_P(RandomConv, GivesEachRowTheSameBytesInAnyBatch) {
  std::mt19937 random(GetParam() ? 17 : 19);
  for (int i = 0; i < 25; ++i) {
    ConvCase p = RandomCase(random, GetParam());
    p.batch = 8;
    SCOPED_TRACE(Describe(p));
    ExpectBatchInvariant(Build(random, p));
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Directions, RandomConv, testing::Bool(), [](const auto& chosen) {
  return chosen.param ? std::string("Transposed") : std::string("Forward");
});

struct PostOpRow {
  PostOp::Kind kind;
  float a, b;
};
constexpr PostOpRow kPostOps[] = {
    {PostOp::Kind::kScale, 0, 0},        {PostOp::Kind::kShift, 0, 0},
    {PostOp::Kind::kAdd, 0, 0},          {PostOp::Kind::kRelu, 0, 0},
    {PostOp::Kind::kLeakyRelu, 0.1F, 0}, {PostOp::Kind::kClip, -0.5F, 0.75F},
    {PostOp::Kind::kSigmoid, 0, 0},      {PostOp::Kind::kTanh, 0, 0},
    {PostOp::Kind::kSoftplus, 0, 0},     {PostOp::Kind::kElu, 0.7F, 0},
};

void Append(std::mt19937& random, const PostOpRow& row, NodeCase& c) {
  const Shape& y = c.outputs[0].shape;
  switch (row.kind) {
    case PostOp::Kind::kScale:
    case PostOp::Kind::kShift:
      c.AddPostOp(row.kind, RandomTensor(random, {y[1]}));
      break;
    case PostOp::Kind::kAdd:
      c.AddPostOp(row.kind, RandomTensor(random, y));
      break;
    default:
      c.AddPostOp(row.kind, row.a, row.b);
  }
}

TEST(ConvPostOps, EveryCombinationUpToThreeAgrees) {
  std::mt19937 random(3);
  // One shape for vectors over channels (with a partial one), one for vectors over inputs.
  const std::vector<ConvCase> shapes = {
      {2, 1, 5, 19, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 1, 24, 2, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
  };
  for (const ConvCase& shape : shapes) {
    for (const auto& first : kPostOps) {
      for (const auto& second : kPostOps) {
        for (const auto& third : kPostOps) {
          NodeCase c = Build(random, shape);
          Append(random, first, c);
          Append(random, second, c);
          Append(random, third, c);
          ExpectAgrees(c, 1e-6);
          if (testing::Test::HasFailure()) {
            FAIL() << "kinds " << static_cast<int>(first.kind) << " "
                   << static_cast<int>(second.kind) << " " << static_cast<int>(third.kind);
          }
        }
      }
    }
  }
}

TEST(ConvPostOps, BelongToTheRowInAnyBatch) {
  std::mt19937 random(5);
  NodeCase c = Build(random, {8, 1, 16, 16, {4, 4}, {4, 4}, {2, 2}, {1, 1}, {1, 1, 1, 1}, true});
  Append(random, {PostOp::Kind::kAdd, 0, 0}, c);
  Append(random, {PostOp::Kind::kTanh, 0, 0}, c);
  ExpectBatchInvariant(c);
}

TEST(Conv, ComputedWeightsArePackedAtEveryRun) {
  std::mt19937 random(23);
  NodeCase c = Build(random, {2, 2, 3, 20, {7}, {3}, {1}, {1}, {1, 1}});
  c.constant[1] = false;
  ExpectAgrees(c, 1e-6);
}

TEST(Conv, PackingIsTheSameForEveryBatchAndImageSize) {
  std::mt19937 random(29);
  const auto key = [&](std::int64_t batch, std::int64_t size, bool transposed) {
    auto bound = BoundKernel::Make(
        Build(random,
              {batch, 1, 16, 40, {size, size}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, transposed}));
    EXPECT_TRUE(bound.ok());
    return bound.value()->kernel().packings().at(1).key;
  };
  EXPECT_EQ(key(1, 8, false), key(32, 15, false));
  EXPECT_EQ(key(1, 8, true), key(32, 15, true));
  EXPECT_NE(key(1, 8, false), key(1, 8, true));
}

TEST(Conv, NanOfOneRowStaysInItsRow) {
  std::mt19937 random(31);
  for (const std::int64_t channels : {1, 24}) {
    NodeCase c = Build(random, {3, 1, 5, channels, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}});
    std::vector<float> x = FloatsOf(c.inputs[0]);
    const std::size_t row = x.size() / 3;
    std::fill(x.begin() + static_cast<std::ptrdiff_t>(row),
              x.begin() + static_cast<std::ptrdiff_t>(2 * row), NAN);
    c.inputs[0] = FloatTensor(c.inputs[0].desc.shape, x);
    const std::vector<float> y = FloatsOf(RunNative(c).at(0));
    for (std::size_t i = 0; i < y.size(); ++i) {
      ASSERT_EQ(std::isnan(y[i]), i / (y.size() / 3) == 1) << i;
    }
  }
}

TEST(Conv, RefusesOtherTypes) {
  NodeCase c = Case("Conv");
  c.AddInput(TensorOf(DataType::kFp64, {1, 1, 4}, std::vector<double>(4)));
  c.AddInput(TensorOf(DataType::kFp64, {1, 1, 1}, std::vector<double>(1)), true);
  c.outputs = {{"y", DataType::kFp64, {1, 1, 4}}};
  EXPECT_EQ(BoundKernel::Make(c).code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::backend
