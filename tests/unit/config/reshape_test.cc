#include "config/reshape.h"

#include <gtest/gtest.h>

#include <limits>

namespace hadron::config {
namespace {

using tensor::Shape;

TEST(CheckReshape, AcceptsEqualProductsBetweenWildcards) {
  EXPECT_TRUE(CheckReshape({2, 4, -1, 6}, {8, -1, 1, 6}).ok());
  EXPECT_TRUE(CheckReshape({4}, {2, 2}).ok());
  EXPECT_TRUE(CheckReshape({-1}, {1, -1, 1}).ok());
  EXPECT_TRUE(CheckReshape({1, 1}, {}).ok());
}

TEST(CheckReshape, RefusesOtherPairs) {
  const std::pair<Shape, Shape> table[] = {
      {{4}, {5}},         {{-1}, {4}},      {{4}, {-1}}, {{2, -1, 6}, {-1, 12}},
      {{2, -1}, {-1, 2}}, {{-1, -1}, {-1}}, {{2}, {}}};
  for (const auto& [dims, reshape] : table) {
    const base::Status status = CheckReshape(dims, reshape);
    ASSERT_FALSE(status.ok()) << dims.ToString() << " " << reshape.ToString();
    EXPECT_NE(status.message().find(reshape.ToString()), std::string::npos);
  }
}

TEST(CheckReshape, RefusesProductsThatOverflow) {
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max() / 2;
  EXPECT_FALSE(CheckReshape({kHuge, 4}, {kHuge, 4}).ok());
}

TEST(MapShape, CarriesVariableDimensionsOverInOrder) {
  EXPECT_EQ(MapShape({2, 4, -1, 6}, {8, -1, 6}, {2, 4, 5, 6}), (Shape{8, 5, 6}));
  EXPECT_EQ(MapShape({-1, 3, -1}, {-1, 1, 3, -1}, {7, 3, 9}), (Shape{7, 1, 3, 9}));
  EXPECT_EQ(MapShape({1}, {}, {1}), Shape{});
  EXPECT_EQ(MapShape({}, {1}, {}), (Shape{1}));
}

}  // namespace
}  // namespace hadron::config
