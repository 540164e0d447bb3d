// Element-wise operators on OpenCL, in both kernel families: the same bytes wherever an element
// lies. (tests/unit/device has the operators one by one.)
#include "unit/backend/opencl_rig.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::Shape;

class OpenClElements : public OpenClOperators {};
INSTANTIATE_TEST_SUITE_P(Families, OpenClElements, testing::Values("cpu", "gpu"));

TEST_P(OpenClElements, UnaryOnesAgreeAndDoNotDependOnTheBatch) {
  std::mt19937 random(1);
  for (const std::string op_type : {"Exp", "Log", "Tanh", "Sigmoid", "Softplus", "Gelu", "Elu",
                                    "HardSwish", "Erf", "Sqrt", "Reciprocal", "Neg"}) {
    for (const Shape& x : {Shape{7, 5}, Shape{3, 2, 1031}, Shape{2, 9001}}) {
      NodeCase c = Case(op_type);
      c.AddInput(RandomTensor(random, x, 0.1F, 4));
      c.outputs = {{"y", DataType::kFp32, x}};
      SCOPED_TRACE(op_type + x.ToString());
      ExpectAgrees(c, 1e-6, runner());
      ExpectBatchInvariant(c, runner());
    }
  }
}

TEST_P(OpenClElements, BinaryOnesAgreeAndDoNotDependOnTheBatch) {
  std::mt19937 random(2);
  for (const std::string op_type : {"Add", "Mul", "Div", "Max", "Min", "Pow", "PRelu"}) {
    for (const Shape& y : {Shape{}, Shape{5}, Shape{3, 1}, Shape{7, 3, 5}}) {
      NodeCase c = Case(op_type);
      c.AddInput(RandomTensor(random, {7, 3, 5}, 0.1F, 4));
      c.AddInput(RandomTensor(random, y, 0.1F, 4));
      c.outputs = {{"y", DataType::kFp32, {7, 3, 5}}};
      SCOPED_TRACE(op_type + y.ToString());
      ExpectAgrees(c, 1e-6, runner());
      ExpectBatchInvariant(c, runner());
      c.follow = Layout::kChannelsLast;
      ExpectAgrees(c, 1e-6, runner());
    }
  }
}

TEST_P(OpenClElements, LongRunsAreSharedOutAmongItems) {
  std::mt19937 random(3);
  NodeCase c = Case("Sub");
  c.AddInput(RandomTensor(random, {3, 1, 10007}));
  c.AddInput(RandomTensor(random, {2, 1}));
  c.outputs = {{"y", DataType::kFp32, {3, 2, 10007}}};
  ExpectAgrees(c, 1e-6, runner());
}

}  // namespace
}  // namespace hadron::backend
