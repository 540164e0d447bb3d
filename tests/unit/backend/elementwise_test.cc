#include <gtest/gtest.h>

#include <cmath>

#include "unit/backend/kernel_rig.h"

namespace hadron::backend {
namespace {

using graph::PostOp;
using tensor::DataType;
using tensor::Shape;

NodeCase Unary(const std::string& op_type, tensor::HostTensor x) {
  NodeCase c = Case(op_type);
  c.outputs = {{"y", DataType::kFp32, x.desc.shape}};
  c.AddInput(std::move(x));
  return c;
}

/// The function itself in double, where the reference has it only in the graph's terms.
struct UnaryRow {
  std::string op_type;
  float low, high;
  double (*function)(double);
};

const UnaryRow kUnary[] = {
    {"Relu", -2, 2, [](double x) { return x < 0 ? 0 : x; }},
    {"LeakyRelu", -2, 2, [](double x) { return x < 0 ? static_cast<double>(0.01F) * x : x; }},
    {"Sigmoid", -20, 20, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"Tanh", -5, 5, [](double x) { return std::tanh(x); }},
    {"Softplus", -30, 30,
     [](double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }},
    {"Elu", -5, 5, [](double x) { return x < 0 ? std::expm1(x) : x; }},
    {"Exp", -80, 80, [](double x) { return std::exp(x); }},
    {"Log", 1e-6F, 50, [](double x) { return std::log(x); }},
    {"Neg", -2, 2, [](double x) { return -x; }},
    {"Abs", -2, 2, [](double x) { return std::fabs(x); }},
    {"Sqrt", 0, 50, [](double x) { return std::sqrt(x); }},
    {"Reciprocal", 0.1F, 50, [](double x) { return 1 / x; }},
    {"Erf", -4, 4, [](double x) { return std::erf(x); }},
    {"Floor", -9, 9, [](double x) { return std::floor(x); }},
    {"Ceil", -9, 9, [](double x) { return std::ceil(x); }},
    {"Gelu", -6, 6, [](double x) { return 0.5 * x * (1 + std::erf(x * std::sqrt(0.5))); }},
    {"Swish", -20, 20, [](double x) { return x / (1 + std::exp(-x)); }},
    {"HardSigmoid", -6, 6, [](double x) { return std::fmin(1, std::fmax(0, 0.2 * x + 0.5)); }},
    {"HardSwish", -6, 6, [](double x) { return x * std::fmin(1, std::fmax(0, x / 6 + 0.5)); }},
};

TEST(Unary, FollowsItsFunctionClosely) {
  std::mt19937 random(1);
  for (const UnaryRow& row : kUnary) {
    SCOPED_TRACE(row.op_type);
    for (const std::int64_t count : {1, 15, 16, 1003}) {
      const auto x = RandomTensor(random, {count}, row.low, row.high);
      const auto results = RunNative(Unary(row.op_type, x));
      ASSERT_EQ(results.size(), 1U);
      const auto in = FloatsOf(x);
      const auto out = FloatsOf(results[0]);
      for (std::size_t i = 0; i < in.size(); ++i) {
        const double expected = row.function(static_cast<double>(in[i]));
        EXPECT_NEAR(static_cast<double>(out[i]), expected,
                    2.5e-7 * std::fmax(1, std::fabs(expected)))
            << "of " << in[i];
      }
    }
  }
}

TEST(Unary, ExpIsWithinTwoUnitsInTheLastPlace) {
  std::vector<float> values;
  for (int i = -10300; i <= 8870; ++i) values.push_back(static_cast<float>(i) * 0.01F);
  const auto count = static_cast<std::int64_t>(values.size());
  const auto y = FloatsOf(RunNative(Unary("Exp", FloatTensor({count}, values))).at(0));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = std::exp(static_cast<double>(values[i]));
    const auto rounded = static_cast<float>(expected);
    const double unit =
        static_cast<double>(std::nextafterf(rounded, INFINITY)) - static_cast<double>(rounded);
    ASSERT_LE(std::fabs(static_cast<double>(y[i]) - expected), 2 * unit) << values[i];
  }
}

TEST(Unary, KeepsNanAndInfinity) {
  const float inf = INFINITY;
  const auto at = [&](const std::string& op_type, float x) {
    return FloatsOf(RunNative(Unary(op_type, FloatTensor({1}, {x}))).at(0)).at(0);
  };
  for (const UnaryRow& row : kUnary) EXPECT_TRUE(std::isnan(at(row.op_type, NAN))) << row.op_type;
  EXPECT_EQ(at("Exp", inf), inf);
  EXPECT_EQ(at("Exp", -inf), 0.0F);
  EXPECT_EQ(at("Exp", 100), inf);
  EXPECT_EQ(at("Sigmoid", -inf), 0.0F);
  EXPECT_EQ(at("Sigmoid", inf), 1.0F);
  EXPECT_EQ(at("Tanh", inf), 1.0F);
  EXPECT_EQ(at("Tanh", -inf), -1.0F);
  EXPECT_EQ(at("Erf", inf), 1.0F);
  EXPECT_EQ(at("Softplus", inf), inf);
  EXPECT_EQ(at("Log", 0), -inf);
  EXPECT_TRUE(std::isnan(at("Log", -1)));
  EXPECT_NEAR(at("Log", 1e-42F), std::log(1e-42F), 1e-4);
}

TEST(Unary, ClipTakesItsBoundsFromConstants) {
  std::mt19937 random(2);
  NodeCase c = Unary("Clip", RandomTensor(random, {3, 50}));
  c.LeaveInputOut();
  c.AddInput(FloatTensor({}, {0.25F}), true);
  for (const float v : FloatsOf(RunNative(c).at(0))) EXPECT_LE(v, 0.25F);
  c.constant[2] = false;
  EXPECT_EQ(BoundKernel::Make(c).code(), base::StatusCode::kUnimplemented);
}

TEST(Unary, AppliesPostOpsInBothLayouts) {
  std::mt19937 random(3);
  for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    NodeCase c = Unary("Tanh", RandomTensor(random, {2, 19, 5, 3}));
    c.follow = layout;
    c.AddPostOp(PostOp::Kind::kScale, RandomTensor(random, {19}));
    c.AddPostOp(PostOp::Kind::kAdd, RandomTensor(random, {2, 19, 5, 3}));
    c.AddPostOp(PostOp::Kind::kShift, RandomTensor(random, {1, 19, 1, 1}));
    ExpectAgrees(c, 1e-6);
    ExpectBatchInvariant(c);
  }
}

TEST(BatchNormalization, AgreesInBothLayouts) {
  std::mt19937 random(4);
  for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    for (const Shape& shape : {Shape{3, 17, 4, 5}, Shape{2, 40}, Shape{2, 3, 2, 2, 2}}) {
      NodeCase c = Case("BatchNormalization");
      c.follow = layout;
      c.AddInput(RandomTensor(random, shape));
      for (int i = 0; i < 3; ++i) c.AddInput(RandomTensor(random, {shape[1]}), true);
      c.AddInput(RandomTensor(random, {shape[1]}, 0.1F, 2), true);
      c.outputs = {{"y", DataType::kFp32, shape}};
      c.AddPostOp(PostOp::Kind::kRelu);
      ExpectAgrees(c, 1e-6);
    }
  }
}

struct BinaryRow {
  Shape a, b, y;
};
const BinaryRow kShapes[] = {
    {{3, 5}, {3, 5}, {3, 5}},
    {{1}, {1}, {1}},
    {Shape{}, {7}, {7}},
    {{2, 17, 3, 4}, {1, 17, 1, 1}, {2, 17, 3, 4}},
    {{2, 17, 3, 4}, {17, 1, 1}, {2, 17, 3, 4}},
    {{2, 17, 3, 4}, {2, 17, 3, 4}, {2, 17, 3, 4}},
    {{2, 17, 3, 4}, {4}, {2, 17, 3, 4}},
    {{2, 17, 3, 4}, {3, 4}, {2, 17, 3, 4}},
    {{2, 1, 3}, {1, 5, 1}, {2, 5, 3}},
    {{6, 4, 8, 8, 8}, {6, 1, 1, 1, 1}, {6, 4, 8, 8, 8}},
    {{40, 1000}, {1000}, {40, 1000}},
    {{0, 3}, {1, 3}, {0, 3}},
};

TEST(Binary, AgreesForEveryBroadcastInBothLayouts) {
  std::mt19937 random(5);
  for (const std::string op_type : {"Add", "Sub", "Mul", "Div"}) {
    for (const BinaryRow& row : kShapes) {
      for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
        for (const bool swapped : {false, true}) {
          SCOPED_TRACE(op_type + row.a.ToString() + row.b.ToString());
          NodeCase c = Case(op_type);
          c.follow = layout;
          c.AddInput(RandomTensor(random, swapped ? row.b : row.a, 0.5F, 2));
          c.AddInput(RandomTensor(random, swapped ? row.a : row.b, 0.5F, 2));
          c.outputs = {{"y", DataType::kFp32, row.y}};
          ExpectAgrees(c, 1e-6);
        }
      }
    }
  }
}

TEST(Binary, FusesWhatFollows) {
  std::mt19937 random(6);
  NodeCase c = Case("Add");
  c.follow = Layout::kChannelsLast;
  c.AddInput(RandomTensor(random, {2, 20, 3, 3}));
  c.AddInput(RandomTensor(random, {2, 20, 3, 3}));
  c.outputs = {{"y", DataType::kFp32, {2, 20, 3, 3}}};
  c.AddPostOp(PostOp::Kind::kScale, RandomTensor(random, {20}));
  c.AddPostOp(PostOp::Kind::kRelu);
  ExpectAgrees(c, 1e-6);
}

TEST(Binary, IntegersWrap) {
  for (const std::string op_type : {"Add", "Sub", "Mul"}) {
    NodeCase c = Case(op_type);
    c.AddInput(TensorOf(DataType::kInt32, {2, 2}, std::vector<std::int32_t>{1, INT32_MAX, -5, 7}));
    c.AddInput(TensorOf(DataType::kInt32, {2}, std::vector<std::int32_t>{INT32_MAX, 3}));
    c.outputs = {{"y", DataType::kInt32, {2, 2}}};
    ExpectAgrees(c, 0);
  }
  NodeCase division = Case("Div");
  division.AddInput(TensorOf(DataType::kInt32, {1}, std::vector<std::int32_t>{1}));
  division.AddInput(TensorOf(DataType::kInt32, {1}, std::vector<std::int32_t>{0}));
  division.outputs = {{"y", DataType::kInt32, {1}}};
  EXPECT_EQ(BoundKernel::Make(division).code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::backend
