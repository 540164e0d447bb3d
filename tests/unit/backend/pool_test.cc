#include <gtest/gtest.h>

#include "graph/window.h"
#include "unit/backend/kernel_rig.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::Shape;

TEST(Pool, AgreesForRandomWindows) {
  std::mt19937 random(1);
  const auto pick = [&](std::int64_t most) { return static_cast<std::int64_t>(random()) % most; };
  for (int i = 0; i < 150; ++i) {
    const std::string op_type = i % 2 == 0 ? "MaxPool" : "AveragePool";
    NodeCase c = Case(op_type);
    const std::size_t rank = 1 + random() % 3;
    std::vector<std::int64_t> x = {1 + pick(3), 1 + pick(40)};
    std::vector<std::int64_t> kernel, strides, dilations, pads;
    for (std::size_t a = 0; a < rank; ++a) {
      kernel.push_back(1 + pick(4));
      strides.push_back(1 + pick(3));
      dilations.push_back(1 + pick(2));
      x.push_back((kernel[a] - 1) * dilations[a] + 1 + pick(8));
    }
    for (std::size_t a = 0; a < 2 * rank; ++a) {
      pads.push_back(pick((kernel[a % rank] - 1) * dilations[a % rank] + 1));
    }
    auto& attributes = c.node.attributes;
    attributes.Set("kernel_shape", kernel);
    attributes.Set("strides", strides);
    attributes.Set("dilations", dilations);
    attributes.Set("pads", pads);
    attributes.Set("ceil_mode", pick(2));
    attributes.Set("count_include_pad", pick(2));
    c.AddInput(RandomTensor(random, Shape(x)));
    const auto window = graph::ResolvePool(c.node, Shape(x));
    ASSERT_TRUE(window.ok());
    std::vector<std::int64_t> y = {x[0], x[1]};
    for (const auto& axis : window.value().axes) y.push_back(axis.output);
    c.outputs = {{"y", DataType::kFp32, Shape(y)}};
    SCOPED_TRACE(op_type + Shape(x).ToString() + Shape(y).ToString());
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
