#include "tensor/shape.h"

#include <gtest/gtest.h>

namespace hadron::tensor {
namespace {

TEST(Shape, CountsElementsWithoutOverflow) {
  EXPECT_EQ(Shape({2, 3, 4}).CheckedElements(), 24);
  EXPECT_EQ(Shape().CheckedElements(), 1);
  EXPECT_EQ(Shape({0, 5}).CheckedElements(), 0);
  EXPECT_EQ(Shape({2, -1}).CheckedElements(), std::nullopt);
  EXPECT_EQ(Shape({INT64_MAX, 2}).CheckedElements(), std::nullopt);
  EXPECT_EQ(Shape({INT64_MAX, 2, 0}).CheckedElements(), std::nullopt);  // no hiding behind a zero
  EXPECT_EQ(Shape({INT64_MAX}).CheckedBytes(DataType::kFp32), std::nullopt);
  EXPECT_EQ(Shape({3}).CheckedBytes(DataType::kFp64), 24U);
}

TEST(Shape, KnowsItsStrides) {
  EXPECT_EQ(Shape({2, 3, 4}).Strides(), (std::vector<std::int64_t>{12, 4, 1}));
  EXPECT_EQ(Shape({2, 3}).WithFirst(7), Shape({7, 2, 3}));
  EXPECT_EQ(Shape({7, 2}).WithoutFirst(), Shape({2}));
  EXPECT_EQ(Shape({1, -1}).ToString(), "[1,-1]");
}

TEST(DataType, NamesAreThoseOfTheProtocol) {
  for (int i = 1; i <= 14; ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(DataTypeFromName(DataTypeName(type)), type);
  }
  EXPECT_EQ(DataTypeName(DataType::kString), "BYTES");
  EXPECT_EQ(DataTypeFromName("FP8"), std::nullopt);
  EXPECT_EQ(DataTypeFromName(""), std::nullopt);
}

}  // namespace
}  // namespace hadron::tensor
