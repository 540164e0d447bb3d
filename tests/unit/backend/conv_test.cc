#include <gtest/gtest.h>

#include "unit/backend/conv_cases.h"

namespace hadron::backend {
namespace {

using graph::PostOp;
using tensor::DataType;
using tensor::Shape;

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

TEST(ConvPostOps, EveryCombinationUpToThreeAgrees) {
  std::mt19937 random(3);
  // One shape for vectors over channels (with a partial one), one for vectors over inputs.
  const std::vector<ConvCase> shapes = {
      {2, 1, 5, 19, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 1, 24, 2, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
  };
  for (const ConvCase& shape : shapes) {
    for (const auto& first : AllPostOps()) {
      for (const auto& second : AllPostOps()) {
        for (const auto& third : AllPostOps()) {
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
