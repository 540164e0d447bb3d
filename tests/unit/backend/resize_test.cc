#include <gtest/gtest.h>

#include "unit/backend/kernel_rig.h"

namespace hadron::backend {
namespace {

using tensor::DataType;
using tensor::Shape;

/// Sizes are given as input 3, so that the scales follow from them.
NodeCase Resize(std::mt19937& random, const Shape& x, const Shape& y, const std::string& mode,
                const std::string& coordinates) {
  NodeCase c = Case("Resize");
  c.node.attributes.Set("mode", mode);
  c.node.attributes.Set("coordinate_transformation_mode", coordinates);
  c.AddInput(RandomTensor(random, x, 0.5F, 1.5F));
  c.LeaveInputOut();
  c.LeaveInputOut();
  const std::vector<std::int64_t> sizes(y.begin(), y.end());
  c.AddInput(TensorOf(DataType::kInt64, {static_cast<std::int64_t>(sizes.size())}, sizes), true);
  c.outputs = {{"y", DataType::kFp32, y}};
  return c;
}

TEST(Resize, AgreesInEveryMode) {
  std::mt19937 random(1);
  const struct {
    Shape x, y;
  } rows[] = {
      {{2, 3, 7}, {2, 3, 14}},
      {{1, 17, 5, 4}, {1, 17, 10, 12}},
      {{1, 2, 9, 8}, {1, 2, 4, 3}},
      {{2, 5, 3, 4, 5}, {2, 5, 6, 4, 11}},
  };
  for (const auto& row : rows) {
    for (const std::string mode : {"nearest", "linear", "cubic"}) {
      for (const std::string coordinates :
           {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"}) {
        SCOPED_TRACE(mode + " " + coordinates + " " + row.y.ToString());
        ExpectAgrees(Resize(random, row.x, row.y, mode, coordinates), 1e-6);
      }
    }
  }
}

TEST(Resize, GivesEachImageTheSameBytesInAnyBatch) {
  std::mt19937 random(2);
  ExpectBatchInvariant(Resize(random, {7, 5, 6, 5}, {7, 5, 12, 9}, "linear", "half_pixel"));
}

TEST(Resize, LeavesOtherAxesToTheReference) {
  std::mt19937 random(3);
  const NodeCase c = Resize(random, {2, 3, 4, 4}, {2, 6, 4, 4}, "nearest", "half_pixel");
  EXPECT_EQ(BoundKernel::Make(c).code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::backend
