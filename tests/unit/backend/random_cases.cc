#include "unit/backend/random_cases.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

std::int64_t Up(std::mt19937& random, std::int64_t most) {
  return 1 + static_cast<std::int64_t>(random()) % most;
}

/// Small numbers often, large ones sometimes: edges of vectors and tiles are met either way.
std::int64_t Size(std::mt19937& random, std::int64_t most) {
  return Up(random, random() % 2 == 0 ? std::min<std::int64_t>(most, 20) : most);
}

NodeCase RandomGemm(std::mt19937& random, std::int64_t depth) {
  const std::int64_t m = Size(random, 150);
  const std::int64_t n = Size(random, 150);
  const std::int64_t k = Size(random, depth);
  const bool turned = random() % 2 == 0;
  NodeCase c = Case("Gemm");
  if (turned) c.node.attributes.Set("transB", std::int64_t{1});
  c.AddInput(RandomTensor(random, {m, k}));
  c.AddInput(RandomTensor(random, turned ? Shape{n, k} : Shape{k, n}), true);
  if (random() % 2 == 0) c.AddInput(RandomTensor(random, {n}), true);
  c.outputs = {{"y", DataType::kFp32, {m, n}}};
  return c;
}

/// Each dimension of the stack is there on both sides, or is one on the left or on the right.
NodeCase RandomMatMul(std::mt19937& random, std::int64_t depth) {
  const std::int64_t m = Size(random, 40);
  const std::int64_t n = Size(random, 60);
  const std::int64_t k = Size(random, depth);
  const bool constant = random() % 2 == 0;
  std::vector<std::int64_t> a;
  std::vector<std::int64_t> b;
  std::vector<std::int64_t> y;
  for (std::size_t i = random() % 3; i > 0; --i) {
    y.push_back(Up(random, 3));
    const auto side = random() % 3;
    a.push_back(side == 0 ? 1 : y.back());
    b.push_back(side == 1 || constant ? 1 : y.back());
    if (side == 0 && constant) a.back() = y.back();
  }
  for (const std::int64_t d : {m, k}) a.push_back(d);
  for (const std::int64_t d : {k, n}) b.push_back(d);
  for (const std::int64_t d : {m, n}) y.push_back(d);
  NodeCase c = Case("MatMul");
  c.AddInput(RandomTensor(random, Shape(a)));
  c.AddInput(RandomTensor(random, Shape(b)), constant);
  c.outputs = {{"y", DataType::kFp32, Shape(y)}};
  return c;
}

Shape RandomRows(std::mt19937& random, std::int64_t longest) {
  std::vector<std::int64_t> dims;
  for (std::size_t i = 1 + random() % 3; i > 0; --i) dims.push_back(Up(random, 7));
  dims.push_back(Size(random, longest));
  return Shape(dims);
}

HostTensor Absolute(const HostTensor& tensor) {
  std::vector<float> values = FloatsOf(tensor);
  for (float& value : values) value = std::fabs(value);
  return FloatTensor(tensor.desc.shape, values);
}

/// Products that one element of the output adds up, the bias included.
double Terms(const NodeCase& c) {
  const Shape& weights = c.inputs[1].desc.shape;
  const auto all = static_cast<double>(weights.elements());
  double terms = static_cast<double>(c.inputs[0].desc.shape.dims().back());
  if (c.node.op_type == "Conv") terms = all / static_cast<double>(weights[0]);
  if (c.node.op_type == "ConvTranspose") {
    const auto groups = static_cast<double>(c.node.attributes.Int("group", 1));
    terms = all / static_cast<double>(weights[1]) / groups;
  }
  return terms + 1;
}

}  // namespace

NodeCase RandomProduct(std::mt19937& random, std::int64_t depth) {
  return random() % 2 == 0 ? RandomGemm(random, depth) : RandomMatMul(random, depth);
}

NodeCase RandomSoftmax(std::mt19937& random) {
  const Shape x = RandomRows(random, 700);
  NodeCase c = Case(random() % 2 == 0 ? "Softmax" : "LogSoftmax");
  c.AddInput(RandomTensor(random, x, -30, 30));
  c.outputs = {{"y", DataType::kFp32, x}};
  return c;
}

NodeCase RandomNormalization(std::mt19937& random) {
  // Of few elements only the bias would be left.
  const Shape x = RandomRows(random, 700).WithFirst(Up(random, 3));
  std::vector<std::int64_t> dims = x.vector();
  dims.back() += 4;
  const std::int64_t axis = -1 - static_cast<std::int64_t>(random() % 2);
  const Shape row(std::vector<std::int64_t>(dims.end() + axis, dims.end()));
  NodeCase c = Case("LayerNormalization");
  c.node.attributes.Set("axis", axis);
  c.AddInput(RandomTensor(random, Shape(dims), -3, 5));
  c.AddInput(RandomTensor(random, row), true);
  c.AddInput(RandomTensor(random, row), true);
  c.outputs = {{"y", DataType::kFp32, Shape(dims)}};
  return c;
}

NodeCase RandomReduction(std::mt19937& random) {
  const Shape x = RandomRows(random, 700).WithFirst(Up(random, 3));
  const auto reduced = 1 + static_cast<std::int64_t>(random() % 2);
  const bool keep = random() % 2 == 0;
  std::vector<std::int64_t> y = x.vector();
  std::vector<std::int64_t> axes;
  for (std::int64_t i = 1; i <= reduced; ++i) {
    axes.push_back(random() % 2 == 0 ? -i : static_cast<std::int64_t>(x.rank()) - i);
    if (keep) y[x.rank() - static_cast<std::size_t>(i)] = 1;
  }
  if (!keep) y.resize(x.rank() - static_cast<std::size_t>(reduced));
  static constexpr const char* kOperators[] = {"ReduceSum", "ReduceMean", "ReduceMax"};
  NodeCase c = Case(kOperators[random() % 3]);
  c.node.attributes.Set("keepdims", std::int64_t{keep ? 1 : 0});
  c.AddInput(RandomTensor(random, x, 0.1F, 1));  // sums that cancel say nothing of the kernel
  c.AddInput(TensorOf(DataType::kInt64, {reduced}, axes), true);
  c.outputs = {{"y", DataType::kFp32, Shape(y)}};
  return c;
}

void ExpectWithinRounding(const NodeCase& c, const CaseRunner& run) {
  NodeCase magnitude = c;
  for (HostTensor& input : magnitude.inputs) input = Absolute(input);
  const auto got = run(c);
  const auto want = RunOracle(c);
  const auto sizes = RunOracle(magnitude);
  ASSERT_TRUE(got.size() == 1 && want.size() == 1 && sizes.size() == 1);
  const double rounding = Terms(c) * static_cast<double>(std::numeric_limits<float>::epsilon());
  const std::vector<float> y = FloatsOf(got[0]);
  const std::vector<float> right = FloatsOf(want[0]);
  const std::vector<float> size = FloatsOf(sizes[0]);
  ASSERT_EQ(y.size(), right.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    ASSERT_NEAR(y[i], right[i], rounding * static_cast<double>(size[i])) << "element " << i;
  }
}

std::string Describe(const NodeCase& c) {
  std::string text = c.node.op_type;
  for (const HostTensor& input : c.inputs) text += " " + input.desc.shape.ToString();
  return text + " -> " + c.outputs[0].shape.ToString();
}

}  // namespace hadron::backend
