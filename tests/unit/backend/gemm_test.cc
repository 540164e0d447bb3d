#include <gtest/gtest.h>

#include "unit/backend/gemm_cases.h"

namespace hadron::backend {
namespace {

using graph::PostOp;
using tensor::DataType;
using tensor::Shape;

TEST(Gemm, AgreesForOddSizes) {
  std::mt19937 random(1);
  for (const std::int64_t m : {1, 2, 7, 13, 64}) {
    for (const std::int64_t n : {1, 3, 10, 16, 33, 127}) {
      for (const std::int64_t k : {1, 5, 64, 129, 1000}) {
        NodeCase c = Gemm(random, m, n, k, (m + n + k) % 2 == 0);
        if (k % 2 == 1) c.AddInput(RandomTensor(random, {n}), true);
        SCOPED_TRACE(c.outputs[0].shape.ToString());
        ExpectAgrees(c, 1e-6);
      }
    }
  }
}

TEST(Gemm, LongSumsStayWithinTheWiderBound) {
  std::mt19937 random(2);
  ExpectAgrees(Gemm(random, 5, 40, 8000), 5e-6);
}

TEST(Gemm, ScalesByAlphaAndAddsAWholeMatrix) {
  std::mt19937 random(3);
  NodeCase c = Gemm(random, 6, 20, 30);
  c.node.attributes.Set("alpha", 0.5F);
  c.AddInput(RandomTensor(random, {6, 20}));
  c.AddPostOp(PostOp::Kind::kSigmoid);
  ExpectAgrees(c, 1e-6);
}

TEST(MatMul, ShiftsEachColumn) {
  std::mt19937 random(6);
  for (const bool stack : {false, true}) {
    NodeCase c = Case("MatMul");
    c.AddInput(RandomTensor(random, {2, 5, 24}));
    c.AddInput(RandomTensor(random, stack ? Shape{2, 24, 37} : Shape{24, 37}), !stack);
    c.outputs = {{"y", DataType::kFp32, {2, 5, 37}}};
    c.AddPostOp(PostOp::Kind::kShift, RandomTensor(random, {37}));
    c.AddPostOp(PostOp::Kind::kGelu);
    ExpectAgrees(c, 1e-6);
  }
}

TEST(Gemm, LeavesRareFormsToTheReference) {
  std::mt19937 random(4);
  NodeCase c = Gemm(random, 4, 4, 4);
  c.node.attributes.Set("transA", std::int64_t{1});
  EXPECT_EQ(BoundKernel::Make(c).code(), base::StatusCode::kUnimplemented);
  NodeCase scalar = Gemm(random, 4, 4, 4);
  scalar.AddInput(RandomTensor(random, {1}));
  EXPECT_EQ(BoundKernel::Make(scalar).code(), base::StatusCode::kUnimplemented);
}

TEST(Gemm, GivesEachRowTheSameBytesInAnyBatch) {
  std::mt19937 random(5);
  for (const std::int64_t n : {1, 3, 16, 50}) {
    for (const std::int64_t batch : {2, 8, 37}) {
      NodeCase c = Gemm(random, batch, n, 100, true);
      c.AddInput(RandomTensor(random, {n}), true);
      c.AddPostOp(PostOp::Kind::kTanh);
      ExpectBatchInvariant(c);
    }
  }
}

TEST(MatMul, AgreesForStacksVectorsAndBroadcasts) {
  std::mt19937 random(6);
  const struct {
    Shape a, b, y;
  } rows[] = {
      {{3, 4}, {4, 5}, {3, 5}},
      {{2, 3, 4}, {4, 35}, {2, 3, 35}},
      {{7}, {7, 9}, {9}},
      {{5, 7}, {7}, {5}},
      {{7}, {7}, Shape{}},
      {{2, 3, 9, 17}, {2, 3, 17, 20}, {2, 3, 9, 20}},
      {{3, 9, 17}, {2, 1, 17, 6}, {2, 3, 9, 6}},
      {{2, 1, 4, 8}, {3, 8, 5}, {2, 3, 4, 5}},
      {{4, 8}, {3, 8, 5}, {3, 4, 5}},
  };
  for (const auto& row : rows) {
    for (const bool constant : {true, false}) {
      SCOPED_TRACE(row.a.ToString() + " " + row.b.ToString());
      ExpectAgrees(MatMul(random, row.a, row.b, row.y, constant), 1e-6);
    }
  }
}

TEST(MatMul, FusesAResidualInEveryMatrixOfAStack) {
  std::mt19937 random(7);
  NodeCase c = MatMul(random, {3, 5, 8}, {3, 8, 20}, {3, 5, 20}, false);
  c.AddPostOp(PostOp::Kind::kAdd, RandomTensor(random, {3, 5, 20}));
  ExpectAgrees(c, 1e-6);
}

}  // namespace
}  // namespace hadron::backend
