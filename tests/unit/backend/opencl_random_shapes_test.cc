// OpenCL kernels at random shapes, in both families: every element of sums within its rounding,
// everything else within the relative bound, against the reference in double precision.
#include "unit/backend/conv_cases.h"
#include "unit/backend/opencl_rig.h"
#include "unit/backend/random_cases.h"

namespace hadron::backend {
namespace {

class OpenClRandomShapes : public OpenClOperators {};
INSTANTIATE_TEST_SUITE_P(Families, OpenClRandomShapes, testing::Values("cpu", "gpu"));

TEST_P(OpenClRandomShapes, ProductsStayWithinTheirRounding) {
  std::mt19937 random(1);
  for (int i = 0; i < 150; ++i) {
    const NodeCase c = RandomProduct(random, 1024);
    SCOPED_TRACE(Describe(c));
    ExpectWithinRounding(c, runner());
    if (HasFailure()) return;
  }
}

TEST_P(OpenClRandomShapes, LongProductsStayWithinTheirRounding) {
  std::mt19937 random(2);
  for (int i = 0; i < 10; ++i) {
    const NodeCase c = RandomProduct(random, 8192);
    SCOPED_TRACE(Describe(c));
    ExpectWithinRounding(c, runner());
    if (HasFailure()) return;
  }
}

TEST_P(OpenClRandomShapes, ConvolutionsStayWithinTheirRounding) {
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    const NodeCase c = Build(random, RandomCase(random, i % 2 == 0));
    SCOPED_TRACE(Describe(c));
    ExpectWithinRounding(c, runner());
    if (HasFailure()) return;
  }
}

TEST_P(OpenClRandomShapes, SoftmaxAgrees) {
  std::mt19937 random(4);
  for (int i = 0; i < 80; ++i) {
    const NodeCase c = RandomSoftmax(random);
    SCOPED_TRACE(Describe(c));
    ExpectAgrees(c, 1e-6, runner());
    if (HasFailure()) return;
  }
}

TEST_P(OpenClRandomShapes, NormalizationAgrees) {
  std::mt19937 random(5);
  for (int i = 0; i < 80; ++i) {
    const NodeCase c = RandomNormalization(random);
    SCOPED_TRACE(Describe(c));
    ExpectAgrees(c, 1e-6, runner());
    if (HasFailure()) return;
  }
}

TEST_P(OpenClRandomShapes, ReductionsAgree) {
  std::mt19937 random(6);
  for (int i = 0; i < 80; ++i) {
    const NodeCase c = RandomReduction(random);
    SCOPED_TRACE(Describe(c));
    ExpectAgrees(c, 1e-6, runner());
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace hadron::backend
