// Convolutions on OpenCL, in both kernel families, against the reference in double precision.
#include <cmath>

#include "unit/backend/conv_cases.h"
#include "unit/backend/opencl_rig.h"

namespace hadron::backend {
namespace {

using graph::PostOp;
using tensor::DataType;

class OpenClConv : public OpenClOperators {};
INSTANTIATE_TEST_SUITE_P(Families, OpenClConv, testing::Values("cpu", "gpu"));

TEST_P(OpenClConv, AgreesForRandomShapes) {
  for (const bool transposed : {false, true}) {
    std::mt19937 random(transposed ? 7 : 11);
    for (int i = 0; i < 80; ++i) {
      const ConvCase p = RandomCase(random, transposed);
      SCOPED_TRACE(Describe(p));
      ExpectAgrees(Build(random, p), 1e-6, runner());
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(OpenClConv, GivesEachRowTheSameBytesInAnyBatch) {
  for (const bool transposed : {false, true}) {
    std::mt19937 random(transposed ? 17 : 19);
    for (int i = 0; i < 15; ++i) {
      ConvCase p = RandomCase(random, transposed);
      p.batch = 8;
      SCOPED_TRACE(Describe(p));
      ExpectBatchInvariant(Build(random, p), runner());
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(OpenClConv, DepthwiseAgreesAroundTheWidthOfVectors) {
  std::mt19937 random(13);
  for (const std::int64_t channels : {2, 3, 4, 15, 16, 17, 33}) {
    for (const bool transposed : {false, true}) {
      const ConvCase p{2,      channels,     1,         1, {7, 20}, {3, 2}, {2, 1},
                       {1, 2}, {1, 0, 1, 1}, transposed};
      SCOPED_TRACE(Describe(p));
      ExpectAgrees(Build(random, p), 1e-6, runner());
      if (transposed) continue;
      ExpectBatchInvariant(Build(random, p), runner());
    }
  }
}

TEST_P(OpenClConv, PointwiseIsAProductAlsoOfComputedWeights) {
  std::mt19937 random(37);
  for (const bool transposed : {false, true}) {
    for (const bool constant : {false, true}) {
      NodeCase c =
          Build(random, {2, 1, 19, 33, {5, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, transposed});
      c.constant[1] = constant;
      EXPECT_EQ(rig().Create(c).value()->description(),
                "opencl:" + GetParam() + (GetParam() == "cpu" ? ":32" : ":64") + " product");
      ExpectAgrees(c, 1e-6, runner());
    }
  }
}

TEST_P(OpenClConv, FewOutputChannelsAgree) {
  std::mt19937 random(43);
  for (const std::int64_t channels : {1, 3, 6}) {
    for (const bool transposed : {false, true}) {
      ConvCase p{3,         1,         64,        channels,           {5, 4, 3},
                 {3, 3, 2}, {1, 2, 1}, {1, 1, 1}, {1, 0, 1, 1, 1, 0}, transposed};
      SCOPED_TRACE(Describe(p));
      ExpectAgrees(Build(random, p), 1e-6, runner());
      ExpectBatchInvariant(Build(random, p), runner());
    }
  }
}

TEST_P(OpenClConv, LargeTilesAgree) {
  std::mt19937 random(47);
  for (const std::int64_t channels : {70, 131}) {
    const ConvCase p{2, 2, 5, channels, {15, 17}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    SCOPED_TRACE(Describe(p));
    ExpectAgrees(Build(random, p), 1e-6, runner());
    ExpectBatchInvariant(Build(random, p), runner());
  }
}

/// Vectors of channels with a partial one at the end, vectors over inputs, depthwise, a product.
const std::vector<ConvCase>& ShapesForPostOps() {
  static const std::vector<ConvCase> shapes = {
      {2, 1, 5, 35, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 1, 64, 3, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 19, 1, 1, {5, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 1, 5, 35, {5, 4}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
  };
  return shapes;
}

TEST_P(OpenClConv, EveryPostOpAgrees) {
  std::mt19937 random(3);
  for (const PostOpRow& row : AllPostOps()) {
    SCOPED_TRACE(static_cast<int>(row.kind));
    NodeCase c = Build(random, ShapesForPostOps()[0]);
    Append(random, row, c);
    ExpectAgrees(c, 1e-6, runner());
  }
}

TEST_P(OpenClConv, PostOpsApplyInTheirOrder) {
  std::mt19937 random(4);
  const std::vector<std::vector<std::size_t>> orders = {{0, 1, 2, 3, 4, 5, 6, 7},
                                                        {7, 9, 8, 2, 5, 1, 4, 0}};
  for (const ConvCase& shape : ShapesForPostOps()) {
    for (const auto& order : orders) {
      NodeCase c = Build(random, shape);
      for (const std::size_t i : order) Append(random, AllPostOps()[i], c);
      ExpectAgrees(c, 1e-6, runner());
    }
  }
}

TEST_P(OpenClConv, PostOpsBelongToTheRowInAnyBatch) {
  std::mt19937 random(5);
  NodeCase c = Build(random, {8, 1, 16, 16, {3, 3}, {4, 4}, {2, 2}, {1, 1}, {1, 1, 1, 1}, true});
  Append(random, {PostOp::Kind::kAdd, 0, 0}, c);
  Append(random, {PostOp::Kind::kTanh, 0, 0}, c);
  ExpectBatchInvariant(c, runner());
}

TEST_P(OpenClConv, PackingIsTheSameForEveryBatchAndImageSize) {
  std::mt19937 random(29);
  const auto key = [&](std::int64_t batch, std::int64_t size, bool transposed) {
    const ConvCase p{batch,  1,      16,     40,           {size, size},
                     {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, transposed};
    return rig().Create(Build(random, p)).value()->packings().at(1).key;
  };
  EXPECT_EQ(key(1, 8, false), key(32, 15, false));
  EXPECT_EQ(key(1, 8, true), key(32, 15, true));
  EXPECT_NE(key(1, 8, false), key(1, 8, true));
}

TEST_P(OpenClConv, NanOfOneRowStaysInItsRow) {
  std::mt19937 random(31);
  NodeCase c = Build(random, {3, 1, 5, 24, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}});
  std::vector<float> x = FloatsOf(c.inputs[0]);
  const std::size_t row = x.size() / 3;
  std::fill(x.begin() + static_cast<std::ptrdiff_t>(row),
            x.begin() + static_cast<std::ptrdiff_t>(2 * row), NAN);
  c.inputs[0] = FloatTensor(c.inputs[0].desc.shape, x);
  c.AddPostOp(PostOp::Kind::kRelu);
  c.AddPostOp(PostOp::Kind::kClip, -1, 1);
  c.AddPostOp(PostOp::Kind::kLeakyRelu, 0.5F);
  const std::vector<float> y = FloatsOf(rig().Run(c).at(0));
  for (std::size_t i = 0; i < y.size(); ++i) {
    ASSERT_EQ(std::isnan(y[i]), i / (y.size() / 3) == 1) << i;
  }
}

TEST_P(OpenClConv, LeavesOtherTypesAndComputedWeightsToOtherBackends) {
  std::mt19937 random(41);
  NodeCase wide = Case("Conv");
  wide.AddInput(TensorOf(DataType::kFp64, {1, 1, 4}, std::vector<double>(4)));
  wide.AddInput(TensorOf(DataType::kFp64, {1, 1, 1}, std::vector<double>(1)), true);
  wide.outputs = {{"y", DataType::kFp64, {1, 1, 4}}};
  EXPECT_EQ(rig().Create(wide).code(), base::StatusCode::kUnimplemented);
  NodeCase computed = Build(random, ShapesForPostOps()[0]);
  computed.constant[1] = false;
  EXPECT_EQ(rig().Create(computed).code(), base::StatusCode::kUnimplemented);
}

TEST(OpenClFaults, AFailingCompileSaysWhichProgramOnWhichDevice) {
  // common.clh defines it, too.
  OpenClRig rig(OpenClFamily::kAuto, "-Werror -DHADRON_GROUP=1");
  std::mt19937 random(53);
  const std::uint64_t reserved = rig.device().memory().reserved();
  const std::vector<const char*> files = {"conv.cl", "conv.cl", "depthwise.cl", "gemm.cl"};
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto kernel = rig.Create(Build(random, ShapesForPostOps()[i]));
    ASSERT_FALSE(kernel.ok());
    EXPECT_EQ(kernel.code(), base::StatusCode::kInternal);
    for (const char* part : {files[i], "opencl:0", "clBuildProgram", "HADRON_GROUP"}) {
      EXPECT_NE(kernel.message().find(part), std::string_view::npos) << kernel.message();
    }
  }
  EXPECT_EQ(rig.device().memory().reserved(), reserved);
}

}  // namespace
}  // namespace hadron::backend
