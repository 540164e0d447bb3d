#include "graph/dim.h"

#include <gtest/gtest.h>

namespace hadron::graph {
namespace {

const Dim kBatch = Dim::Symbol(0);
const Dim kOther = Dim::Symbol(1);

TEST(Dim, MultipliesAndDividesSymbolically) {
  const auto flat = kBatch.Times(64);
  ASSERT_TRUE(flat.has_value());
  EXPECT_EQ(flat->DividedBy(64), kBatch);
  EXPECT_EQ(flat->DividedBy(kBatch), Dim(64));
  EXPECT_EQ(flat->DividedBy(kOther), std::nullopt);
  EXPECT_EQ(flat->DividedBy(128), std::nullopt);
  EXPECT_EQ(kBatch.Times(kOther), kOther.Times(kBatch));
}

TEST(Dim, RefusesOverflowAndDivisionByZero) {
  EXPECT_EQ(Dim(INT64_MAX).Times(2), std::nullopt);
  EXPECT_EQ(Dim(4).DividedBy(0), std::nullopt);
  EXPECT_EQ(Dim(INT64_MIN).DividedBy(-1), std::nullopt);
}

TEST(Dim, ZeroSwallowsSymbols) {
  EXPECT_EQ(kBatch.Times(0), Dim(0));
  EXPECT_TRUE(kBatch.Times(0)->known());
}

TEST(SymbolicShape, ShowsUnknownDimensionsAsMinusOne) {
  const SymbolicShape shape = {kBatch, 3, *kBatch.Times(2)};
  EXPECT_EQ(ToShape(shape), tensor::Shape({-1, 3, -1}));
  EXPECT_EQ(Elements(shape), kBatch.Times(kBatch)->Times(6));
  EXPECT_FALSE(FullyKnown(shape));
}

}  // namespace
}  // namespace hadron::graph
