// Pools on OpenCL, in both kernel families, against the reference.
#include "unit/backend/opencl_rig.h"
#include "unit/backend/pool_cases.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::Shape;

class OpenClPool : public OpenClOperators {};
INSTANTIATE_TEST_SUITE_P(Families, OpenClPool, testing::Values("cpu", "gpu"));

TEST_P(OpenClPool, AgreesForRandomWindowsAndDoesNotDependOnTheBatch) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const NodeCase c = RandomPool(random, i % 2 == 0 ? "MaxPool" : "AveragePool");
    SCOPED_TRACE(c.node.op_type + c.inputs[0].desc.shape.ToString());
    ExpectAgrees(c, 1e-6, runner());
    if (i % 4 < 2) ExpectBatchInvariant(c, runner());
  }
}

TEST_P(OpenClPool, GlobalOnesAgreeAroundTheWidthOfVectors) {
  std::mt19937 random(2);
  for (const std::string op_type : {"GlobalAveragePool", "GlobalMaxPool"}) {
    for (const std::int64_t channels : {1, 3, 4, 5, 15, 16, 17, 64}) {
      for (Shape x :
           {Shape{5, channels, 7, 9}, Shape{5, channels, 211}, Shape{5, channels, 3, 1, 5}}) {
        NodeCase c = Case(op_type);
        c.AddInput(RandomTensor(random, x, 0.1F, 1));
        for (std::size_t i = 2; i < x.rank(); ++i) x[i] = 1;
        c.outputs = {{"y", DataType::kFp32, x}};
        ExpectAgrees(c, 1e-6, runner());
        ExpectBatchInvariant(c, runner());
      }
    }
  }
}

TEST_P(OpenClPool, MaximumOfNanIsNan) {
  NodeCase c = Case("GlobalMaxPool");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  c.AddInput(FloatTensor({1, 2, 3}, {1, nan, 2, -5, -3, -4}));
  c.outputs = {{"y", DataType::kFp32, {1, 2, 1}}};
  const auto y = FloatsOf(rig().Run(c).at(0));
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], -3);
}

TEST_P(OpenClPool, IndicesAreLeftToOtherBackends) {
  std::mt19937 random(3);
  NodeCase c = RandomPool(random, "MaxPool");
  c.node.outputs.push_back(2001);
  c.outputs.push_back({"indices", DataType::kInt64, c.outputs[0].shape});
  EXPECT_EQ(rig().Create(c).code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::backend
