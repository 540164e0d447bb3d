// Matrix products on OpenCL, in both kernel families, against the reference in double precision.
#include "unit/backend/gemm_cases.h"
#include "unit/backend/opencl_rig.h"

namespace hadron::backend {
namespace {

using graph::PostOp;
using tensor::DataType;
using tensor::Shape;

class OpenClGemm : public OpenClOperators {};
INSTANTIATE_TEST_SUITE_P(Families, OpenClGemm, testing::Values("cpu", "gpu"));

TEST_P(OpenClGemm, AgreesAroundTheSizesOfTiles) {
  std::mt19937 random(1);
  for (const std::int64_t m : {1, 7, 8, 9, 65}) {
    for (const std::int64_t n : {1, 3, 15, 16, 17, 33, 64, 67}) {
      for (const std::int64_t k : {1, 5, 16, 129, 1000}) {
        for (const bool constant : {true, false}) {
          NodeCase c = Gemm(random, m, n, k, (m + n + k) % 2 == 0);
          c.constant[1] = constant;
          SCOPED_TRACE(c.outputs[0].shape.ToString() + " of " + std::to_string(k));
          ExpectAgrees(c, 1e-6, runner());
        }
      }
    }
  }
}

TEST_P(OpenClGemm, LargeTilesAgreeAndKeepTheBytes) {
  std::mt19937 random(9);
  for (const std::int64_t n : {70, 128, 150, 200}) {
    NodeCase c = Gemm(random, 390, n, 50);
    SCOPED_TRACE(n);
    ExpectAgrees(c, 1e-6, runner());
    const std::vector<float> all = FloatsOf(rig().Run(c).at(0));
    c.inputs[0] = FloatTensor({1, 50}, [&] {
      const std::vector<float> a = FloatsOf(c.inputs[0]);
      return std::vector<float>(a.begin() + 200 * 50, a.begin() + 201 * 50);
    }());
    c.outputs[0].shape = {1, n};
    const std::vector<float> one = FloatsOf(rig().Run(c).at(0));
    EXPECT_EQ(one, std::vector<float>(all.begin() + 200 * n, all.begin() + 201 * n));
  }
}

TEST_P(OpenClGemm, LongSumsStayWithinTheWiderBound) {
  std::mt19937 random(2);
  ExpectAgrees(Gemm(random, 5, 40, 8000), 5e-6, runner());
}

TEST_P(OpenClGemm, ScalesByAlphaAndAddsVectorsAndMatrices) {
  std::mt19937 random(3);
  for (const Shape& bias : {Shape{20}, Shape{1, 20}, Shape{6, 20}}) {
    for (const bool constant : {true, false}) {
      NodeCase c = Gemm(random, 6, 20, 30);
      c.constant[1] = constant;
      c.node.attributes.Set("alpha", 0.5F);
      c.AddInput(RandomTensor(random, bias));
      ExpectAgrees(c, 1e-6, runner());
    }
  }
}

TEST_P(OpenClGemm, LeavesRareFormsToOtherBackends) {
  std::mt19937 random(4);
  const auto code = [&](const NodeCase& c) { return rig().Create(c).code(); };
  NodeCase turned = Gemm(random, 4, 4, 4);
  turned.node.attributes.Set("transA", std::int64_t{1});
  EXPECT_EQ(code(turned), base::StatusCode::kUnimplemented);
  NodeCase scaled = Gemm(random, 4, 4, 4);
  scaled.AddInput(RandomTensor(random, {4}));
  scaled.node.attributes.Set("beta", 2.0F);
  EXPECT_EQ(code(scaled), base::StatusCode::kUnimplemented);
  NodeCase column = Gemm(random, 4, 4, 4);
  column.AddInput(RandomTensor(random, {4, 1}));
  EXPECT_EQ(code(column), base::StatusCode::kUnimplemented);
  NodeCase channels = MatMul(random, {2, 3, 4}, {4, 1}, {2, 3, 1}, true);
  channels.AddPostOp(PostOp::Kind::kScale, RandomTensor(random, {3}));
  EXPECT_EQ(code(channels), base::StatusCode::kUnimplemented);
  EXPECT_EQ(code(MatMul(random, {4}, {2, 4, 3}, {2, 3}, true)), base::StatusCode::kUnimplemented);
}

TEST_P(OpenClGemm, GivesEachRowTheSameBytesInAnyBatch) {
  std::mt19937 random(5);
  for (const std::int64_t n : {3, 50}) {
    for (const std::int64_t batch : {2, 8, 37}) {
      NodeCase c = Gemm(random, batch, n, 100, true);
      c.AddInput(RandomTensor(random, {n}), true);
      c.AddPostOp(PostOp::Kind::kTanh);
      ExpectBatchInvariant(c, runner());
    }
  }
}

TEST_P(OpenClGemm, MultipliesStacksVectorsAndBroadcasts) {
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
      {{2, 1, 2, 1, 3, 8}, {1, 3, 1, 2, 8, 5}, {2, 3, 2, 2, 3, 5}},
  };
  for (const auto& row : rows) {
    for (const bool constant : {true, false}) {
      SCOPED_TRACE(row.a.ToString() + " " + row.b.ToString());
      ExpectAgrees(MatMul(random, row.a, row.b, row.y, constant, 0.1F), 1e-6, runner());
    }
  }
}

TEST_P(OpenClGemm, FusesAResidualInEveryMatrixOfAStack) {
  std::mt19937 random(7);
  NodeCase c = MatMul(random, {3, 5, 8}, {3, 8, 20}, {3, 5, 20}, false, 0.1F);
  c.AddPostOp(PostOp::Kind::kAdd, RandomTensor(random, {3, 5, 20}));
  ExpectAgrees(c, 1e-6, runner());
}

TEST_P(OpenClGemm, PackingIsTheSameForEveryBatch) {
  std::mt19937 random(8);
  const auto key = [&](std::int64_t batch, std::int64_t n, bool trans_b) {
    return rig().Create(Gemm(random, batch, n, 20, trans_b)).value()->packings().at(1).key;
  };
  EXPECT_EQ(key(1, 40, false), key(32, 40, false));
  EXPECT_NE(key(1, 40, false), key(1, 40, true));
}

TEST_P(OpenClGemm, ShiftsEachColumnOfAStack) {
  std::mt19937 random(21);
  for (const bool constant : {true, false}) {
    NodeCase c = MatMul(random, {2, 5, 24}, constant ? Shape{24, 37} : Shape{2, 24, 37}, {2, 5, 37},
                        constant, 0.1F);
    c.AddPostOp(PostOp::Kind::kShift, RandomTensor(random, {37}));
    c.AddPostOp(PostOp::Kind::kGelu);
    ExpectAgrees(c, 1e-6, runner());
  }
}

}  // namespace
}  // namespace hadron::backend
