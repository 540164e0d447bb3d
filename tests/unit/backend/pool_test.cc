#include <gtest/gtest.h>

#include "unit/backend/pool_cases.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::Shape;

TEST(Pool, AgreesForRandomWindows) {
  std::mt19937 random(1);
  for (int i = 0; i < 150; ++i) {
    const std::string op_type = i % 2 == 0 ? "MaxPool" : "AveragePool";
    const NodeCase c = RandomPool(random, op_type);
    SCOPED_TRACE(op_type + c.inputs[0].desc.shape.ToString() + c.outputs[0].shape.ToString());
    ExpectAgrees(c, 1e-6);
  }
}

TEST(Pool, GlobalOnesAgreeAndDoNotDependOnTheBatch) {
  std::mt19937 random(2);
  for (const std::string op_type : {"GlobalAveragePool", "GlobalMaxPool"}) {
    for (const Shape& x : {Shape{8, 64, 4, 4}, Shape{8, 3, 200}, Shape{8, 17, 5, 6, 7}}) {
      NodeCase c = Case(op_type);
      c.AddInput(RandomTensor(random, x));
      Shape y = x;
      for (std::size_t i = 2; i < y.rank(); ++i) y[i] = 1;
      c.outputs = {{"y", DataType::kFp32, y}};
      ExpectAgrees(c, 1e-6);
      ExpectBatchInvariant(c);
    }
  }
}

TEST(Softmax, AgreesOnTheLastAxis) {
  std::mt19937 random(3);
  for (const std::string op_type : {"Softmax", "LogSoftmax"}) {
    for (const Shape& x : {Shape{1, 1}, Shape{3, 10}, Shape{2, 3, 33}, Shape{5, 1000}}) {
      NodeCase c = Case(op_type);
      c.AddInput(RandomTensor(random, x, -30, 30));
      c.outputs = {{"y", DataType::kFp32, x}};
      ExpectAgrees(c, 1e-6);
      ExpectBatchInvariant(c);
    }
  }
}

TEST(Softmax, LeavesInnerAxesToTheReference) {
  std::mt19937 random(4);
  NodeCase c = Case("Softmax");
  c.node.attributes.Set("axis", std::int64_t{1});
  c.AddInput(RandomTensor(random, {2, 3, 4}));
  c.outputs = {{"y", DataType::kFp32, {2, 3, 4}}};
  EXPECT_EQ(BoundKernel::Make(c).code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::backend
