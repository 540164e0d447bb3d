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

/// Channels around multiples of vectors and panels; lines shorter and longer than a tile.
std::vector<ConvCase> DepthwiseCases() {
  std::vector<ConvCase> cases;
  for (const std::int64_t channels : {2, 7, 16, 17, 31, 32, 33, 48, 70}) {
    for (const std::int64_t width : {1, 2, 3, 6, 7, 8, 9, 14, 15, 23}) {
      for (const std::int64_t stride : {1, 2, 3}) {
        const std::int64_t pad = (width + channels) % 3;
        cases.push_back(
            {2, channels, 1, 1, {4, width}, {3, 3}, {1, stride}, {1, 1}, {1, pad, 1, 2 - pad / 2}});
      }
    }
    cases.push_back({2, channels, 1, 1, {11}, {3}, {1}, {1}, {1, 1}});
    cases.push_back({2, channels, 1, 1, {9}, {3}, {1}, {2}, {2, 2}});
    cases.push_back(
        {1, channels, 1, 1, {3, 4, 9}, {2, 3, 3}, {2, 1, 2}, {1, 1, 1}, {0, 1, 1, 1, 1, 1}});
    cases.push_back({1, channels, 1, 1, {5, 5}, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}});
    cases.push_back({1, channels, 1, 1, {4, 5}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, true});
  }
  return cases;
}

TEST(Depthwise, AgreesAroundTheWidthOfVectorsAndTiles) {
  std::mt19937 random(37);
  for (const ConvCase& p : DepthwiseCases()) {
    SCOPED_TRACE(Describe(p));
    ExpectAgrees(Build(random, p), 1e-6);
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Depthwise, AppliesPostOpsAtTheEndOfALine) {
  std::mt19937 random(41);
  for (const auto& first : AllPostOps()) {
    for (const auto& second : AllPostOps()) {
      NodeCase c = Build(random, {2, 37, 1, 1, {3, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}});
      Append(random, first, c);
      Append(random, second, c);
      ExpectAgrees(c, 1e-6);
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST(Depthwise, GivesEachRowTheSameBytesInAnyBatch) {
  std::mt19937 random(43);
  for (const std::int64_t stride : {1, 2, 3}) {
    ExpectBatchInvariant(
        Build(random, {8, 40, 1, 1, {7, 9}, {3, 3}, {stride, stride}, {1, 1}, {1, 1, 1, 1}}));
  }
}

/// Inputs that fill vectors and that do not, runs of taps short enough to be one and longer ones.
TEST(FewOutputs, AgreeAroundTheEndsOfLines) {
  std::mt19937 random(53);
  for (const std::int64_t in : {16, 24, 48, 64, 80, 128}) {
    for (const std::int64_t width : {1, 2, 3, 8, 21}) {
      for (const std::int64_t stride : {1, 2}) {
        const std::int64_t out = 1 + (in / 16 + width) % 4;
        const std::int64_t size = width + 2;
        const std::vector<ConvCase> cases = {
            {2, 1, in, out, {3, size}, {3, 3}, {1, stride}, {1, 1}, {1, 1, 1, 1}},
            {1, 1, in, out, {2, 3, size}, {3, 2, 3}, {1, 1, stride}, {1, 1, 1}, {1, 0, 2, 1, 1, 1}},
            {1, 1, in, out, {size + 5}, {7}, {stride}, {1}, {3, 3}},
        };
        for (const ConvCase& p : cases) {
          SCOPED_TRACE(Describe(p));
          ExpectAgrees(Build(random, p), 1e-5);
          ASSERT_FALSE(HasFailure());
        }
      }
    }
  }
}

TEST(FewOutputs, GiveEachRowTheSameBytesInAnyBatch) {
  std::mt19937 random(59);
  for (const std::int64_t in : {24, 64}) {
    ExpectBatchInvariant(
        Build(random, {8, 1, in, 2, {4, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}));
  }
}

TEST(ConvPostOps, EveryCombinationUpToThreeAgrees) {
  std::mt19937 random(3);
  // One shape for vectors over channels (with a partial one), one for vectors over inputs.
  const std::vector<ConvCase> shapes = {
      {2, 1, 5, 19, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 1, 24, 2, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 1, 4, 19, {3, 9}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},  // evenly spread pixels
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

TEST(Conv, AgreesWhereThreadsShareThePixelsOfSeveralGroupsOfChannels) {
  std::mt19937 random(47);
  const std::vector<ConvCase> cases = {
      {1, 1, 64, 400, {14, 14}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {3, 1, 64, 390, {13, 17}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {1, 1, 24, 150, {19, 23}, {3, 3}, {2, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 2, 40, 90, {16, 15}, {1, 3}, {1, 1}, {1, 1}, {0, 1, 0, 1}},
      {1, 1, 40, 100, {15, 16}, {2, 2}, {2, 2}, {1, 1}, {0, 0, 0, 0}, true},
  };
  for (const ConvCase& p : cases) {
    SCOPED_TRACE(Describe(p));
    NodeCase c = Build(random, p);
    for (const int threads : {1, 2, 3}) {
      c.threads = threads;
      ExpectAgrees(c, 1e-5);
    }
    ASSERT_FALSE(HasFailure());
  }
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
