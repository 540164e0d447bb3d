// Native kernels at random shapes: every element of sums within its rounding, everything else
// within the relative bound, against the reference in double precision.
#include "unit/backend/random_cases.h"

#include <gtest/gtest.h>

#include "unit/backend/conv_cases.h"

namespace hadron::backend {
namespace {

TEST(RandomShapes, ProductsStayWithinTheirRounding) {
  std::mt19937 random(1);
  for (int i = 0; i < 150; ++i) {
    const NodeCase c = RandomProduct(random, 1024);
    SCOPED_TRACE(Describe(c));
    ExpectWithinRounding(c);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RandomShapes, LongProductsStayWithinTheirRounding) {
  std::mt19937 random(2);
  for (int i = 0; i < 10; ++i) {
    const NodeCase c = RandomProduct(random, 8192);
    SCOPED_TRACE(Describe(c));
    ExpectWithinRounding(c);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RandomShapes, ConvolutionsStayWithinTheirRounding) {
  std::mt19937 random(3);
  for (int i = 0; i < 120; ++i) {
    const NodeCase c = Build(random, RandomCase(random, i % 2 == 0));
    SCOPED_TRACE(Describe(c));
    ExpectWithinRounding(c);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RandomShapes, SoftmaxAgrees) {
  std::mt19937 random(4);
  for (int i = 0; i < 80; ++i) {
    const NodeCase c = RandomSoftmax(random);
    SCOPED_TRACE(Describe(c));
    ExpectAgrees(c, 1e-6);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RandomShapes, NormalizationAgrees) {
  std::mt19937 random(5);
  for (int i = 0; i < 80; ++i) {
    const NodeCase c = RandomNormalization(random);
    SCOPED_TRACE(Describe(c));
    ExpectAgrees(c, 1e-6);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace hadron::backend
