#include <gtest/gtest.h>

#include "unit/backend/kernel_rig.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::Shape;

NodeCase LayerNorm(std::mt19937& random, const Shape& shape, std::int64_t axis, bool bias) {
  NodeCase c = Case("LayerNormalization");
  c.node.attributes.Set("axis", axis);
  c.AddInput(RandomTensor(random, shape, -3, 5));
  const auto first = static_cast<std::size_t>(axis + static_cast<std::int64_t>(shape.rank()));
  const Shape row(
      std::vector<std::int64_t>(shape.begin() + static_cast<std::ptrdiff_t>(first), shape.end()));
  c.AddInput(RandomTensor(random, row), true);
  if (bias) c.AddInput(RandomTensor(random, row), true);
  c.outputs = {{"y", DataType::kFp32, shape}};
  return c;
}

TEST(LayerNormalization, AgreesForOddSizes) {
  std::mt19937 random(1);
  for (const std::int64_t count : {1, 2, 15, 16, 17, 100, 768}) {
    ExpectAgrees(LayerNorm(random, {3, 2, count}, -1, count % 2 == 0), 1e-6);
  }
  ExpectAgrees(LayerNorm(random, {4, 5, 7}, -2, true), 1e-6);
}

TEST(LayerNormalization, GivesEachRowTheSameBytesInAnyBatch) {
  std::mt19937 random(2);
  for (const std::int64_t count : {5, 64, 100}) {
    ExpectBatchInvariant(LayerNorm(random, {9, 3, count}, -1, true));
  }
}

TEST(LayerNormalization, KeepsItsPrecisionFarFromZero) {
  std::mt19937 random(3);
  NodeCase c = Case("LayerNormalization");
  c.AddInput(RandomTensor(random, {2, 64}, 1000, 1001));
  c.AddInput(RandomTensor(random, {64}), true);
  c.outputs = {{"y", DataType::kFp32, {2, 64}}};
  ExpectAgrees(c, 1e-3);  // the input's own rounding: 2^-14 of a deviation of 0.3
}

TEST(LayerNormalization, LeavesRareFormsToTheReference) {
  std::mt19937 random(4);
  NodeCase statistics = LayerNorm(random, {2, 8}, -1, true);
  statistics.outputs.push_back({"mean", DataType::kFp32, {2, 1}});
  EXPECT_EQ(BoundKernel::Make(statistics).code(), base::StatusCode::kUnimplemented);
  NodeCase broadcast = LayerNorm(random, {2, 8}, -1, false);
  broadcast.inputs[1] = RandomTensor(random, {1});
  EXPECT_EQ(BoundKernel::Make(broadcast).code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::backend
