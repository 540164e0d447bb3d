#include "config/batch_io.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hadron::config {
namespace {

using Kind = BatchInput::Kind;
using tensor::DataType;
using tensor::Shape;

/// Three requests, the second of two rows, the last of nothing.
const std::vector<Shape> kSources = {{1, 2, 3}, {2, 4, 1}, {1, 0, 5}};

BatchInput Make(Kind kind, DataType type) {
  return {.kind = kind, .targets = {"t"}, .type = type, .source = "x"};
}

std::vector<double> Numbers(const BatchInput& input, std::span<const Shape> sources) {
  const base::IoBuf flat = BatchInputContent(input, sources).Flatten();
  std::vector<double> numbers;
  if (input.type == DataType::kFp32) {
    for (const float v : base::AsArray<float>(flat.bytes())) numbers.push_back(v);
  } else {
    for (const std::int32_t v : base::AsArray<std::int32_t>(flat.bytes())) numbers.push_back(v);
  }
  return numbers;
}

TEST(BatchInput, TellsWhatItsKindSays) {
  struct Row {
    Kind kind;
    Shape shape;
    std::vector<double> content;
  };
  const std::vector<Row> table = {
      {Kind::kElementCount, {3}, {6, 8, 0}},
      {Kind::kAccumulatedElementCount, {3}, {6, 14, 14}},
      {Kind::kAccumulatedElementCountWithZero, {4}, {0, 6, 14, 14}},
      {Kind::kMaxElementCountAsShape, {8}, {0, 0, 0, 0, 0, 0, 0, 0}},
      {Kind::kItemShape, {4, 2}, {2, 3, 4, 1, 4, 1, 0, 5}},
      {Kind::kItemShapeFlatten, {8}, {2, 3, 4, 1, 4, 1, 0, 5}},
  };
  for (const Row& row : table) {
    for (const DataType type : {DataType::kInt32, DataType::kFp32}) {
      const BatchInput input = Make(row.kind, type);
      EXPECT_TRUE(CheckBatchInput(input, kSources).ok());
      EXPECT_EQ(BatchInputShape(input, kSources), row.shape) << static_cast<int>(row.kind);
      EXPECT_EQ(Numbers(input, kSources), row.content) << static_cast<int>(row.kind);
    }
  }
}

TEST(BatchInput, OfRequestsWithoutRowsOrItems) {
  const std::vector<Shape> none = {{0, 4}};
  EXPECT_EQ(BatchInputShape(Make(Kind::kItemShape, DataType::kInt32), none), (Shape{0, 1}));
  EXPECT_EQ(Numbers(Make(Kind::kItemShape, DataType::kInt32), none), std::vector<double>());
  EXPECT_EQ(Numbers(Make(Kind::kElementCount, DataType::kInt32), none), std::vector<double>{0});
  const std::vector<Shape> scalars = {{3}};  // one value a row
  EXPECT_EQ(BatchInputShape(Make(Kind::kItemShape, DataType::kFp32), scalars), (Shape{3, 0}));
  EXPECT_EQ(Numbers(Make(Kind::kItemShapeFlatten, DataType::kFp32), scalars),
            std::vector<double>());
}

TEST(BatchInput, RefusesNumbersThatItsTypeDoesNotHold) {
  constexpr std::int64_t kInt = std::int64_t{1} << 31U;
  constexpr std::int64_t kReal = std::int64_t{1} << 24U;
  struct Row {
    Kind kind;
    DataType type;
    std::vector<Shape> sources;
    bool fits;
  };
  const std::vector<Row> table = {
      {Kind::kElementCount, DataType::kInt32, {{1, kInt - 1}, {1, kInt - 1}}, true},
      {Kind::kElementCount, DataType::kInt32, {{1, kInt}}, false},
      {Kind::kAccumulatedElementCount, DataType::kInt32, {{1, kInt - 1}, {1, 1}}, false},
      {Kind::kAccumulatedElementCountWithZero, DataType::kInt32, {{1, kInt - 1}, {1, 1}}, false},
      {Kind::kElementCount, DataType::kFp32, {{1, kReal}}, true},
      {Kind::kElementCount, DataType::kFp32, {{1, kReal + 1}}, false},
      {Kind::kMaxElementCountAsShape, DataType::kFp32, {{1, kInt}}, true},
      {Kind::kItemShape, DataType::kInt32, {{1, 0, kInt}}, false},
      {Kind::kItemShape, DataType::kInt32, {{kInt, 0, 1}}, true},
      {Kind::kItemShapeFlatten, DataType::kFp32, {{1, 0, kReal + 1}}, false},
  };
  for (const Row& row : table) {
    const base::Status status = CheckBatchInput(Make(row.kind, row.type), row.sources);
    EXPECT_EQ(status.ok(), row.fits) << status.message();
    if (!row.fits) {
      EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
      EXPECT_NE(status.message().find("input 'x' is too large"), std::string::npos);
    }
  }
}

TEST(BatchInput, TakesLittleMemoryForLargeTensors) {
  // Two gigabytes of zeros: slices of the same few bytes.
  const std::vector<Shape> large = {{1, std::int64_t{1} << 29U}};
  const base::IoBuf zeros =
      BatchInputContent(Make(Kind::kMaxElementCountAsShape, DataType::kFp32), large);
  EXPECT_EQ(zeros.size(), std::size_t{1} << 31U);
  for (const auto& slice : zeros.slices()) {
    EXPECT_EQ(slice.owner, zeros.slices().front().owner);
    EXPECT_LE(slice.bytes.size(), std::size_t{64} << 10U);
  }
}

TEST(BatchOutput, TakesOpenSizesFromTheSource) {
  EXPECT_EQ(ScatteredShape({-1}, {1, 7}), (Shape{1, 7}));
  EXPECT_EQ(ScatteredShape({-1, 4}, {2, 7, 9}), (Shape{2, 7, 4}));
  EXPECT_EQ(ScatteredShape({3, -1}, {2, 7, 9}), (Shape{2, 3, 9}));
  EXPECT_EQ(ScatteredShape({3}, {2}), (Shape{2, 3}));
  EXPECT_EQ(ScatteredShape({}, {2, 7}), (Shape{2}));
}

}  // namespace
}  // namespace hadron::config
