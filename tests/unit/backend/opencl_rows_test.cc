// Softmax, normalisations and reductions on OpenCL, in both kernel families, against the reference.
#include "unit/backend/opencl_rig.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::Shape;

/// Lengths around vectors, parts of a group and a group.
constexpr std::int64_t kLengths[] = {1, 2, 3, 15, 16, 17, 31, 64, 127, 255, 256, 257, 1000};

class OpenClRows : public OpenClOperators {
 protected:
  bool Refuses(const NodeCase& c) {
    return rig().Create(c).code() == base::StatusCode::kUnimplemented;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, OpenClRows, testing::Values("cpu", "gpu"));

NodeCase Softmax(std::mt19937& random, const std::string& op_type, const Shape& x) {
  NodeCase c = Case(op_type);
  c.AddInput(RandomTensor(random, x, -30, 30));
  c.outputs = {{"y", DataType::kFp32, x}};
  return c;
}

NodeCase Normalization(std::mt19937& random, const Shape& x, std::int64_t axis = -1) {
  NodeCase c = Case("LayerNormalization");
  c.node.attributes.Set("axis", axis);
  c.AddInput(RandomTensor(random, x, -3, 5));
  std::vector<std::int64_t> row(x.dims().end() - (axis < 0 ? -axis : axis), x.dims().end());
  c.AddInput(RandomTensor(random, Shape(row)), true);
  c.AddInput(RandomTensor(random, Shape(row)), true);
  c.outputs = {{"y", DataType::kFp32, x}};
  return c;
}

NodeCase Reduction(std::mt19937& random, const std::string& op_type, const Shape& x,
                   const std::vector<std::int64_t>& axes, const Shape& y) {
  NodeCase c = Case(op_type);
  // Sums that cancel say nothing of the kernel: no signs.
  c.AddInput(RandomTensor(random, x, 0.1F, 1));
  const auto count = static_cast<std::int64_t>(axes.size());
  c.AddInput(TensorOf(DataType::kInt64, {count}, axes), true);
  c.outputs = {{"y", DataType::kFp32, y}};
  if (y.rank() < x.rank()) c.node.attributes.Set("keepdims", std::int64_t{0});
  return c;
}

TEST_P(OpenClRows, SoftmaxAgreesAndDoesNotDependOnTheBatch) {
  std::mt19937 random(1);
  for (const std::string op_type : {"Softmax", "LogSoftmax"}) {
    for (const std::int64_t length : kLengths) {
      for (const std::int64_t rows : {1, 7}) {
        SCOPED_TRACE(op_type + " of " + std::to_string(length));
        const NodeCase c = Softmax(random, op_type, {rows, 3, length});
        ExpectAgrees(c, 1e-6, runner());
        ExpectBatchInvariant(c, runner());
      }
    }
  }
}

TEST_P(OpenClRows, SoftmaxKeepsNanInItsRowAndForgetsMinusInfinity) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const std::int64_t length : {5, 40}) {
    std::vector<float> values(static_cast<std::size_t>(3 * length), 0.5F);
    values[1] = -kInf;
    values[static_cast<std::size_t>(length) + 3] = std::numeric_limits<float>::quiet_NaN();
    NodeCase c = Case("Softmax");
    c.AddInput(FloatTensor({3, length}, values));
    c.outputs = {{"y", DataType::kFp32, {3, length}}};
    const auto y = FloatsOf(rig().Run(c).at(0));
    EXPECT_EQ(y[1], 0);
    EXPECT_FLOAT_EQ(y[0], 1.0F / static_cast<float>(length - 1));
    for (std::size_t i = 0; i < y.size(); ++i) {
      EXPECT_EQ(std::isnan(y[i]), i / static_cast<std::size_t>(length) == 1) << i;
    }
  }
}

TEST_P(OpenClRows, SoftmaxOfOldOperatorSetsCoversAllLaterAxes) {
  std::mt19937 random(2);
  NodeCase c = Softmax(random, "Softmax", {3, 4, 5});
  c.node.attributes.Set("axis", std::int64_t{1});
  EXPECT_TRUE(Refuses(c));
  c.node.attributes.Set("hadron_flatten", std::int64_t{1});
  ExpectAgrees(c, 1e-6, runner());
}

TEST_P(OpenClRows, NormalizationAgreesAndDoesNotDependOnTheBatch) {
  std::mt19937 random(3);
  for (const std::int64_t length : kLengths) {
    if (length == 1) continue;  // of one element only the bias is left
    SCOPED_TRACE(length);
    const NodeCase c = Normalization(random, {5, 3, length});
    ExpectAgrees(c, 1e-6, runner());
    ExpectBatchInvariant(c, runner());
  }
  ExpectAgrees(Normalization(random, {4, 3, 10}, -2), 1e-6, runner());
}

TEST_P(OpenClRows, NormalizationLeavesRareFormsToOtherBackends) {
  std::mt19937 random(4);
  NodeCase unbiased = Normalization(random, {2, 8});
  unbiased.node.inputs.pop_back();
  unbiased.inputs.pop_back();
  EXPECT_TRUE(Refuses(unbiased));
  NodeCase narrow = Normalization(random, {2, 8});
  narrow.inputs[1] = RandomTensor(random, {1});
  EXPECT_TRUE(Refuses(narrow));
  NodeCase statistics = Normalization(random, {2, 8});
  statistics.node.outputs.push_back(2001);
  statistics.outputs.push_back({"mean", DataType::kFp32, {2, 1}});
  EXPECT_TRUE(Refuses(statistics));
}

TEST_P(OpenClRows, ReductionsAgreeAndDoNotDependOnTheBatch) {
  std::mt19937 random(5);
  for (const std::string op_type : {"ReduceSum", "ReduceMean", "ReduceMax"}) {
    for (const std::int64_t length : kLengths) {
      SCOPED_TRACE(op_type + " of " + std::to_string(length));
      const NodeCase c = Reduction(random, op_type, {7, 3, length}, {-1}, {7, 3, 1});
      ExpectAgrees(c, 1e-6, runner());
      ExpectBatchInvariant(c, runner());
    }
    ExpectAgrees(Reduction(random, op_type, {5, 3, 4, 6}, {3, 2}, {5, 3}), 1e-6, runner());
    ExpectAgrees(Reduction(random, op_type, {5, 1, 4, 1}, {1, 2}, {5, 1, 1, 1}), 1e-6, runner());
    ExpectAgrees(Reduction(random, op_type, {2, 300}, {}, {1, 1}), 1e-6, runner());
  }
}

TEST_P(OpenClRows, ReductionsOverInnerAxesAreLeftToOtherBackends) {
  std::mt19937 random(6);
  EXPECT_TRUE(Refuses(Reduction(random, "ReduceSum", {5, 3, 4}, {1}, {5, 1, 4})));
  NodeCase computed = Reduction(random, "ReduceSum", {5, 3}, {1}, {5, 1});
  computed.constant[1] = false;
  EXPECT_TRUE(Refuses(computed));
}

}  // namespace
}  // namespace hadron::backend
