#include "backend/opencl/broadcast.h"

#include <gtest/gtest.h>

namespace hadron::backend::opencl {
namespace {

using Axes = BroadcastWalk::Axes;

TensorSpec Plain(tensor::Shape shape) {
  return {.type = tensor::DataType::kFp32, .shape = std::move(shape), .layout = Layout::kPlain};
}
TensorSpec ChannelsLast(tensor::Shape shape) {
  return {
      .type = tensor::DataType::kFp32, .shape = std::move(shape), .layout = Layout::kChannelsLast};
}

TEST(PlanBroadcast, EqualShapesAreContiguous) {
  for (const tensor::Shape& shape : {tensor::Shape{}, {7}, {2, 3, 4}, {1, 5, 1, 2}}) {
    EXPECT_TRUE(PlanBroadcast(Plain(shape), Plain(shape), Plain(shape))->contiguous());
  }
  EXPECT_TRUE(
      PlanBroadcast(Plain({2, 1, 3}), Plain({1, 2, 1, 3}), Plain({1, 2, 1, 3}))->contiguous());
}

TEST(PlanBroadcast, ScalarHasStrideZero) {
  const auto walk = PlanBroadcast(Plain({4, 5, 6}), Plain({}), Plain({4, 5, 6}));
  ASSERT_TRUE(walk.ok());
  EXPECT_EQ(walk->rank, 1U);
  EXPECT_EQ(walk->shape, (Axes{120}));
  EXPECT_EQ(walk->strides[0], (Axes{1}));
  EXPECT_EQ(walk->strides[1], (Axes{0}));
  EXPECT_FALSE(walk->contiguous());
}

TEST(PlanBroadcast, ChannelVectorKeepsThreeAxes) {
  const auto walk = PlanBroadcast(Plain({2, 3, 4, 5}), Plain({3, 1, 1}), Plain({2, 3, 4, 5}));
  ASSERT_TRUE(walk.ok());
  EXPECT_EQ(walk->rank, 3U);
  EXPECT_EQ(walk->shape, (Axes{20, 3, 2}));
  EXPECT_EQ(walk->strides[0], (Axes{1, 20, 60}));
  EXPECT_EQ(walk->strides[1], (Axes{0, 1, 0}));
}

TEST(PlanBroadcast, ChannelVectorOfAChannelsLastResultIsInnermost) {
  const auto walk =
      PlanBroadcast(ChannelsLast({2, 3, 4, 5}), Plain({3, 1, 1}), ChannelsLast({2, 3, 4, 5}));
  ASSERT_TRUE(walk.ok());
  EXPECT_EQ(walk->rank, 2U);
  EXPECT_EQ(walk->shape, (Axes{3, 40}));
  EXPECT_EQ(walk->strides[0], (Axes{1, 3}));
  EXPECT_EQ(walk->strides[1], (Axes{1, 0}));
}

TEST(PlanBroadcast, MorePlacesThanTheKernelHasAreRefused) {
  const tensor::Shape x{2, 1, 2, 1, 2, 1, 2, 1, 2};
  const tensor::Shape y{1, 2, 1, 2, 1, 2, 1, 2, 1};
  const tensor::Shape out{2, 2, 2, 2, 2, 2, 2, 2, 2};
  const auto walk = PlanBroadcast(Plain(x), Plain(y), Plain(out));
  ASSERT_FALSE(walk.ok());
  EXPECT_EQ(walk.code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::backend::opencl
