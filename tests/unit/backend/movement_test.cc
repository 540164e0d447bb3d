#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "backend/reorder.h"
#include "unit/backend/kernel_rig.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

/// 0, 1, 2, ... in any type of fixed size.
HostTensor Counting(DataType type, Shape shape) {
  const std::size_t size = tensor::ElementSize(type);
  std::vector<std::byte> bytes(static_cast<std::size_t>(shape.elements()) * size);
  for (std::size_t i = 0; i < bytes.size() / size; ++i) {
    for (std::size_t b = 0; b < size; ++b)
      bytes[i * size + b] = static_cast<std::byte>(i >> (8 * b));
  }
  return {{"", type, std::move(shape)}, base::IoBuf::FromVector(std::move(bytes))};
}

HostTensor Ints(const std::vector<std::int64_t>& values) {
  return TensorOf(DataType::kInt64, {static_cast<std::int64_t>(values.size())}, values);
}

constexpr DataType kTypes[] = {DataType::kBool, DataType::kFp16, DataType::kFp32, DataType::kInt64};

TEST(Transpose, AgreesForEveryOrderAndElementSize) {
  for (const DataType type : kTypes) {
    std::vector<std::int64_t> order = {0, 1, 2, 3};
    const Shape x{3, 17, 5, 33};
    do {
      NodeCase c = Case("Transpose");
      c.node.attributes.Set("perm", order);
      c.AddInput(Counting(type, x));
      std::vector<std::int64_t> y;
      for (const auto axis : order) y.push_back(x[static_cast<std::size_t>(axis)]);
      c.outputs = {{"y", type, Shape(y)}};
      ExpectAgrees(c, 0);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(Transpose, ReversesTheAxesByDefault) {
  NodeCase c = Case("Transpose");
  c.AddInput(Counting(DataType::kInt32, {2, 3, 4}));
  c.outputs = {{"y", DataType::kInt32, {4, 3, 2}}};
  ExpectAgrees(c, 0);
}

TEST(Concat, AgreesOnEveryAxis) {
  for (const DataType type : kTypes) {
    for (const std::int64_t axis : {0, 1, 2, -1}) {
      NodeCase c = Case("Concat");
      c.node.attributes.Set("axis", axis);
      Shape y{4, 5, 6};
      const auto at = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
      y[at] = 0;
      for (const std::int64_t size : {1, 3, 2}) {
        Shape x{4, 5, 6};
        x[at] = size;
        y[at] += size;
        c.AddInput(Counting(type, x));
      }
      c.outputs = {{"y", type, y}};
      ExpectAgrees(c, 0);
    }
  }
}

TEST(Concat, FollowsChannelsLast) {
  for (const std::int64_t axis : {0, 1, 2, 3}) {
    NodeCase c = Case("Concat");
    c.follow = Layout::kChannelsLast;
    c.node.attributes.Set("axis", axis);
    Shape y{2, 5, 4, 6};
    const auto at = static_cast<std::size_t>(axis);
    y[at] = 0;
    for (const std::int64_t size : {2, 1, 3}) {
      Shape x{2, 5, 4, 6};
      x[at] = size;
      y[at] += size;
      c.AddInput(Counting(DataType::kFp32, x));
    }
    c.outputs = {{"y", DataType::kFp32, y}};
    ExpectAgrees(c, 0);
  }
}

TEST(Split, UndoesConcat) {
  for (const std::int64_t axis : {0, 1, 2}) {
    NodeCase c = Case("Split");
    c.node.attributes.Set("axis", axis);
    Shape x{4, 5, 6};
    x[static_cast<std::size_t>(axis)] = 6;
    c.AddInput(Counting(DataType::kFp32, x));
    c.outputs.clear();
    for (const std::int64_t size : {1, 3, 2}) {
      x[static_cast<std::size_t>(axis)] = size;
      c.outputs.push_back({"y", DataType::kFp32, x});
    }
    const auto parts = RunNative(c);
    ASSERT_EQ(parts.size(), 3U);
    NodeCase back = Case("Concat");
    back.node.attributes.Set("axis", axis);
    for (const auto& part : parts) back.AddInput(part);
    back.outputs = {{"y", DataType::kFp32, c.inputs[0].desc.shape}};
    EXPECT_EQ(RunNative(back).at(0).bytes.ToString(), c.inputs[0].bytes.ToString());
  }
}

TEST(Slice, AgreesForStepsOfBothSigns) {
  const struct {
    std::vector<std::int64_t> starts, ends, axes, steps;
    Shape y;
  } rows[] = {
      {{1, 2}, {3, 100}, {0, 2}, {1, 2}, {2, 5, 3}},
      {{-1}, {INT64_MIN}, {1}, {-1}, {4, 5, 7}},
      {{-1}, {0}, {2}, {-3}, {4, 5, 2}},
      {{0}, {1}, {0}, {INT64_MAX}, {1, 5, 7}},
      {{3}, {1}, {0}, {1}, {0, 5, 7}},
  };
  for (const auto& row : rows) {
    NodeCase c = Case("Slice");
    c.AddInput(Counting(DataType::kFp32, {4, 5, 7}));
    for (const auto& values : {row.starts, row.ends, row.axes, row.steps}) {
      c.AddInput(Ints(values), true);
    }
    c.outputs = {{"y", DataType::kFp32, row.y}};
    ExpectAgrees(c, 0);
  }
}

TEST(Cast, AgreesForTheFastPairs) {
  const std::pair<DataType, DataType> pairs[] = {
      {DataType::kUint8, DataType::kFp32},  {DataType::kBool, DataType::kFp32},
      {DataType::kInt32, DataType::kFp32},  {DataType::kInt64, DataType::kFp32},
      {DataType::kInt32, DataType::kInt64}, {DataType::kInt64, DataType::kInt32},
      {DataType::kFp32, DataType::kFp32}};
  for (const auto& [from, to] : pairs) {
    NodeCase c = Case("Cast");
    c.AddInput(Counting(from, {3, 7}));
    c.outputs = {{"y", to, {3, 7}}};
    ExpectAgrees(c, 0);
  }
}

TEST(Identity, CopiesInAnyLayout) {
  NodeCase c = Case("Identity");
  c.follow = Layout::kChannelsLast;
  c.AddInput(Counting(DataType::kInt16, {2, 3, 5}));
  c.outputs = {{"y", DataType::kInt16, {2, 3, 5}}};
  EXPECT_EQ(RunNative(c).at(0).bytes.ToString(), c.inputs[0].bytes.ToString());
}

/// Runs a reorder over packed bytes.
std::vector<std::byte> Reorder(const TensorSpec& from, const TensorSpec& to,
                               std::vector<std::byte> bytes) {
  auto kernel = MakeReorderKernel(from, to, 2);
  EXPECT_TRUE(kernel.ok());
  std::vector<std::byte> out(bytes.size());
  KernelArgs args;
  args.inputs = {{nullptr, 0, bytes.size(), bytes.data(), nullptr}};
  args.outputs = {{nullptr, 0, out.size(), out.data(), nullptr}};
  auto launch = kernel.value()->Bind(args);
  EXPECT_TRUE(launch.ok());
  EXPECT_TRUE(launch.value()->Run().ok());
  return out;
}

TEST(Reorder, MovesEveryElementAndComesBack) {
  for (const DataType type : kTypes) {
    for (const Shape& shape : {Shape{2, 3, 4}, Shape{1, 64, 16, 16}, Shape{3, 17, 3, 5, 7},
                               Shape{2, 1, 9}, Shape{2, 9, 1}, Shape{0, 3, 4}, Shape{2, 3, 40, 40},
                               Shape{1, 4, 5}, Shape{3, 2, 1025}, Shape{2, 0, 4}, Shape{1, 3, 0}}) {
      const TensorSpec plain{type, shape, Layout::kPlain};
      const TensorSpec last{type, shape, Layout::kChannelsLast};
      const HostTensor x = Counting(type, shape);
      std::vector<std::byte> bytes(x.bytes.size());
      x.bytes.CopyTo(bytes);
      const auto moved = Reorder(plain, last, bytes);
      const std::size_t size = tensor::ElementSize(type);
      const auto channels = static_cast<std::size_t>(shape[1]);
      const std::size_t pixels =
          bytes.empty() ? 0 : static_cast<std::size_t>(shape.elements() / shape[0] / shape[1]);
      for (std::size_t i = 0; i < bytes.size() / size; ++i) {
        const std::size_t row = i / (channels * pixels);
        const std::size_t c = i / pixels % channels;
        const std::size_t to = (row * pixels + i % pixels) * channels + c;
        ASSERT_EQ(std::memcmp(&bytes[i * size], &moved[to * size], size), 0) << i;
      }
      EXPECT_EQ(Reorder(last, plain, moved), bytes);
    }
  }
}

TEST(Reorder, RefusesOtherChanges) {
  EXPECT_FALSE(MakeReorderKernel({DataType::kFp32, {2, 3, 4}, Layout::kPlain},
                                 {DataType::kFp32, {2, 4, 3}, Layout::kChannelsLast}, 1)
                   .ok());
}

}  // namespace
}  // namespace hadron::backend
