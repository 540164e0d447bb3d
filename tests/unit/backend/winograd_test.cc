// Convolutions by Winograd's method: the rule that chooses it, its results and its bytes.
#include <gtest/gtest.h>

#include <cmath>

#include "unit/backend/conv_cases.h"

namespace hadron::backend {
namespace {

using graph::PostOp;

/// That of direct kernels.
constexpr double kBound = 1e-6;

ConvCase Layer(std::int64_t batch, std::int64_t in, std::int64_t out,
               std::vector<std::int64_t> size, std::vector<std::int64_t> pads = {1, 1, 1, 1}) {
  return {batch, 1, in, out, std::move(size), {3, 3}, {1, 1}, {1, 1}, std::move(pads)};
}

std::string Algorithm(const ConvCase& p) {
  std::mt19937 random(1);
  const auto bound = BoundKernel::Make(Build(random, p));
  return bound.ok() ? bound.value()->kernel().description() : std::string(bound.message());
}

bool IsWinograd(const ConvCase& p) { return Algorithm(p).find("winograd") != std::string::npos; }

TEST(Winograd, IsChosenByTheLayerNotByTheBatch) {
  for (const std::int64_t batch : {1, 2, 64}) {
    EXPECT_TRUE(IsWinograd(Layer(batch, 64, 64, {14, 14}))) << batch;
    EXPECT_FALSE(IsWinograd(Layer(batch, 64, 64, {4, 4}))) << batch;    // few tiles
    EXPECT_FALSE(IsWinograd(Layer(batch, 64, 64, {7, 7}))) << batch;    // wasted tiles
    EXPECT_FALSE(IsWinograd(Layer(batch, 16, 64, {28, 28}))) << batch;  // few channels
    EXPECT_FALSE(IsWinograd(Layer(batch, 64, 16, {28, 28}))) << batch;
  }
}

TEST(Winograd, IsLeftToLayersItAppliesTo) {
  ConvCase strided = Layer(1, 32, 32, {28, 28});
  strided.stride = {2, 2};
  ConvCase dilated = Layer(1, 32, 32, {28, 28});
  dilated.dilation = {2, 2};
  ConvCase grouped = Layer(1, 32, 32, {28, 28});
  grouped.groups = 2;
  ConvCase large = Layer(1, 32, 32, {28, 28});
  large.kernel = {5, 5};
  for (const ConvCase& p : {strided, dilated, grouped, large}) {
    EXPECT_FALSE(IsWinograd(p)) << Describe(p);
  }
}

TEST(Winograd, AgreesWithTheReference) {
  std::mt19937 random(3);
  // Odd sizes, every pad, channels around multiples of vectors, one block and several.
  const std::vector<ConvCase> layers = {
      Layer(1, 32, 32, {8, 8}),
      Layer(2, 33, 47, {9, 15}),
      Layer(3, 40, 65, {17, 13}, {0, 0, 0, 0}),
      Layer(1, 64, 33, {12, 11}, {2, 1, 0, 2}),
      Layer(2, 128, 96, {28, 28}),
      Layer(1, 260, 32, {14, 14}, {0, 2, 1, 0}),
      Layer(5, 32, 40, {10, 10}, {2, 2, 2, 2}),
  };
  for (const ConvCase& p : layers) {
    SCOPED_TRACE(Describe(p));
    ASSERT_TRUE(IsWinograd(p)) << Algorithm(p);
    ExpectAgrees(Build(random, p), kBound);
  }
}

TEST(Winograd, AppliesPostOpsAsTheyCome) {
  std::mt19937 random(5);
  for (const auto& first : AllPostOps()) {
    for (const auto& second : AllPostOps()) {
      NodeCase c = Build(random, Layer(2, 32, 37, {9, 9}));
      Append(random, first, c);
      Append(random, second, c);
      ExpectAgrees(c, kBound);
      ASSERT_FALSE(testing::Test::HasFailure())
          << static_cast<int>(first.kind) << " " << static_cast<int>(second.kind);
    }
  }
}

TEST(Winograd, GivesEachRowTheSameBytesInAnyBatch) {
  std::mt19937 random(7);
  for (const ConvCase& p : {Layer(8, 32, 48, {9, 9}), Layer(6, 96, 33, {14, 14})}) {
    NodeCase c = Build(random, p);
    Append(random, {PostOp::Kind::kAdd, 0, 0}, c);
    ExpectBatchInvariant(c);
  }
}

TEST(Winograd, GivesTheSameBytesOnAnyNumberOfThreads) {
  std::mt19937 random(11);
  NodeCase c = Build(random, Layer(2, 64, 96, {28, 28}));
  c.threads = 1;
  const std::vector<float> alone = FloatsOf(RunNative(c).at(0));
  for (const int threads : {2, 3, 7, 100}) {
    c.threads = threads;
    ASSERT_EQ(FloatsOf(RunNative(c).at(0)), alone) << threads;
  }
}

TEST(Winograd, NanOfOneRowStaysInItsRow) {
  std::mt19937 random(13);
  NodeCase c = Build(random, Layer(3, 32, 32, {9, 9}));
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

TEST(Winograd, FollowsAnEarlierPacking) {
  std::mt19937 random(17);
  const ConvCase p = Layer(1, 32, 32, {28, 28});
  const auto chosen = BoundKernel::Make(Build(random, p));
  ASSERT_TRUE(chosen.ok());
  const std::string key = chosen.value()->kernel().packings().at(1).key;
  // Too few tiles for the rule, but the weights are there.
  const auto small = BoundKernel::Make(Build(random, Layer(1, 32, 32, {4, 4})), {"", key, ""});
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small.value()->kernel().packings().at(1).key, key);
  const auto direct = BoundKernel::Make(Build(random, p), {"", "native:direct", ""});
  ASSERT_TRUE(direct.ok());
  EXPECT_NE(direct.value()->kernel().packings().at(1).key, key);
}

}  // namespace
}  // namespace hadron::backend
