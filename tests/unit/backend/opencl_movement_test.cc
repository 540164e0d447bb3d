// Copies on OpenCL, in both kernel families: exactly what the reference moves.
#include <algorithm>
#include <numeric>

#include "unit/backend/opencl_rig.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

/// 0, 1, 2, ...
HostTensor Counting(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  std::iota(values.begin(), values.end(), 0.0F);
  return FloatTensor(shape, std::move(values));
}

HostTensor Ints(const std::vector<std::int64_t>& values) {
  return TensorOf(DataType::kInt64, {static_cast<std::int64_t>(values.size())}, values);
}

class OpenClMovement : public OpenClOperators {
 protected:
  void ExpectExact(const NodeCase& c) { ExpectAgrees(c, 0, runner()); }
  bool Refuses(const NodeCase& c) {
    return rig().Create(c).code() == base::StatusCode::kUnimplemented;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, OpenClMovement, testing::Values("cpu", "gpu"));

TEST_P(OpenClMovement, TransposeAgreesForEveryOrder) {
  for (const Shape& x : {Shape{3, 17, 5, 33}, Shape{1, 4, 1, 300}}) {
    std::vector<std::int64_t> order = {0, 1, 2, 3};
    do {
      NodeCase c = Case("Transpose");
      c.node.attributes.Set("perm", order);
      c.AddInput(Counting(x));
      std::vector<std::int64_t> y;
      for (const auto axis : order) y.push_back(x[static_cast<std::size_t>(axis)]);
      c.outputs = {{"y", DataType::kFp32, Shape(y)}};
      ExpectExact(c);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_P(OpenClMovement, TransposeReversesByDefaultAndCopiesLongRuns) {
  NodeCase c = Case("Transpose");
  c.AddInput(Counting({2, 3, 4}));
  c.outputs = {{"y", DataType::kFp32, {4, 3, 2}}};
  ExpectExact(c);
  NodeCase whole = Case("Transpose");
  whole.node.attributes.Set("perm", std::vector<std::int64_t>{0, 1});
  whole.AddInput(Counting({3, 7001}));
  whole.outputs = {{"y", DataType::kFp32, {3, 7001}}};
  ExpectExact(whole);
}

TEST_P(OpenClMovement, TransposeOfMoreThanEightLooseAxesIsLeftToOthers) {
  NodeCase c = Case("Transpose");
  const Shape x({2, 2, 2, 2, 2, 2, 2, 2, 2});
  c.AddInput(Counting(x));
  c.outputs = {{"y", DataType::kFp32, x}};
  EXPECT_TRUE(Refuses(c));
}

TEST_P(OpenClMovement, ConcatAgreesOnEveryAxisAndInEveryLayout) {
  for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    for (const std::int64_t axis : {0, 1, 2, -1}) {
      NodeCase c = Case("Concat");
      c.node.attributes.Set("axis", axis);
      c.follow = layout;
      Shape y{4, 5, 6};
      const auto at = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
      y[at] = 0;
      for (const std::int64_t size : {1, 3, 17}) {
        Shape x{4, 5, 6};
        x[at] = size;
        y[at] += size;
        c.AddInput(Counting(x));
      }
      c.outputs = {{"y", DataType::kFp32, y}};
      ExpectExact(c);
    }
  }
}

TEST_P(OpenClMovement, SplitUndoesConcat) {
  for (const std::int64_t axis : {0, 1, 2}) {
    NodeCase c = Case("Split");
    c.node.attributes.Set("axis", axis);
    Shape x{4, 5, 6};
    x[static_cast<std::size_t>(axis)] = 6;
    c.AddInput(Counting(x));
    c.outputs.clear();
    for (const std::int64_t size : {1, 3, 2}) {
      x[static_cast<std::size_t>(axis)] = size;
      c.outputs.push_back({"y", DataType::kFp32, x});
    }
    NodeCase back = Case("Concat");
    back.node.attributes.Set("axis", axis);
    for (const auto& part : rig().Run(c)) back.AddInput(part);
    back.outputs = {{"y", DataType::kFp32, c.inputs[0].desc.shape}};
    EXPECT_EQ(rig().Run(back).at(0).bytes.ToString(), c.inputs[0].bytes.ToString());
  }
}

TEST_P(OpenClMovement, SliceAgreesForStepsOfBothSigns) {
  const struct {
    std::vector<std::int64_t> starts, ends, axes, steps;
    Shape y;
  } rows[] = {
      {{1, 2}, {3, 100}, {0, 2}, {1, 2}, {2, 5, 3}},
      {{-1}, {INT64_MIN}, {1}, {-1}, {4, 5, 7}},
      {{-1}, {0}, {2}, {-3}, {4, 5, 2}},
      {{0}, {1}, {0}, {INT64_MAX}, {1, 5, 7}},
  };
  for (const auto& row : rows) {
    NodeCase c = Case("Slice");
    c.AddInput(Counting({4, 5, 7}));
    for (const auto& values : {row.starts, row.ends, row.axes, row.steps}) {
      c.AddInput(Ints(values), true);
    }
    c.outputs = {{"y", DataType::kFp32, row.y}};
    ExpectExact(c);
    c.constant[1] = false;
    EXPECT_TRUE(Refuses(c));
  }
}

NodeCase Pad(const Shape& x, const std::vector<std::int64_t>& pads, const Shape& y) {
  NodeCase c = Case("Pad");
  c.AddInput(Counting(x));
  c.AddInput(Ints(pads), true);
  c.outputs = {{"y", DataType::kFp32, y}};
  return c;
}

TEST_P(OpenClMovement, PadsWithConstantsAndCrops) {
  ExpectExact(Pad({2, 3}, {1, 2, 3, 4}, {6, 9}));
  ExpectExact(Pad({2, 19, 5, 4}, {0, 1, 2, 0, 0, 0, 1, 3}, {2, 20, 8, 7}));
  ExpectExact(Pad({2, 3, 4, 5, 6}, {0, 0, -1, 2, -2, 0, 0, 3, -1, -3}, {2, 3, 6, 6, 1}));
  NodeCase c = Pad({2, 3, 5}, {1, -1}, {2, 3, 5});
  c.AddInput(FloatTensor({}, {-7.5F}), true);
  c.AddInput(Ints({-1}), true);
  ExpectExact(c);
}

TEST_P(OpenClMovement, OtherModesOfPadAreLeftToOthers) {
  NodeCase c = Pad({2, 3}, {0, 1, 0, 1}, {2, 5});
  c.node.attributes.Set("mode", std::string("reflect"));
  EXPECT_TRUE(Refuses(c));
  EXPECT_TRUE(Refuses(Pad({2, 3}, {-2, 0, 4, 0}, {4, 3})));  // nothing of the input is left
}

TEST_P(OpenClMovement, ExpandRepeatsAxes) {
  const struct {
    Shape x, y;
  } rows[] = {{{3, 1, 5}, {3, 4, 5}}, {{5}, {2, 3, 5}}, {{}, {7, 300}}, {{1, 3, 1}, {2, 3, 4}}};
  for (const auto& row : rows) {
    NodeCase c = Case("Expand");
    c.AddInput(Counting(row.x));
    c.AddInput(Ints({row.y.dims().begin(), row.y.dims().end()}), true);
    c.outputs = {{"y", DataType::kFp32, row.y}};
    ExpectExact(c);
  }
}

NodeCase Resize(const Shape& x, const Shape& y, const std::string& mode,
                const std::string& nearest) {
  NodeCase c = Case("Resize");
  c.node.attributes.Set("coordinate_transformation_mode", mode);
  c.node.attributes.Set("nearest_mode", nearest);
  c.AddInput(Counting(x));
  c.LeaveInputOut();
  std::vector<float> scales;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    scales.push_back(static_cast<float>(y[i]) / static_cast<float>(x[i]));
  }
  c.AddInput(FloatTensor({static_cast<std::int64_t>(scales.size())}, scales), true);
  c.outputs = {{"y", DataType::kFp32, y}};
  return c;
}

TEST_P(OpenClMovement, ResizeRepeatsElements) {
  for (const auto& [x, y] : {std::pair<Shape, Shape>{{2, 3, 4, 5}, {2, 3, 8, 10}},
                             {{1, 17, 3, 2, 4}, {1, 17, 9, 4, 4}},
                             {{2, 3, 7}, {2, 3, 35}}}) {
    ExpectExact(Resize(x, y, "asymmetric", "floor"));
    for (const std::string mode : {"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"}) {
      ExpectExact(Resize(x, y, mode, "round_prefer_floor"));
      ExpectExact(Resize(x, y, mode, "round_prefer_ceil"));
    }
  }
}

TEST_P(OpenClMovement, OtherResizesAreLeftToOthers) {
  EXPECT_TRUE(Refuses(Resize({2, 3, 4, 4}, {2, 3, 6, 6}, "asymmetric", "floor")));
  EXPECT_TRUE(Refuses(Resize({2, 3, 4, 4}, {2, 3, 2, 2}, "asymmetric", "floor")));
  EXPECT_TRUE(Refuses(Resize({2, 3, 4, 4}, {2, 3, 8, 8}, "asymmetric", "ceil")));
  EXPECT_TRUE(Refuses(Resize({2, 3, 4, 4}, {2, 3, 8, 8}, "align_corners", "round_prefer_floor")));
  NodeCase linear = Resize({2, 3, 4, 4}, {2, 3, 8, 8}, "half_pixel", "round_prefer_floor");
  linear.node.attributes.Set("mode", std::string("linear"));
  EXPECT_TRUE(Refuses(linear));
}

}  // namespace
}  // namespace hadron::backend
