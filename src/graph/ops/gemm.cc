// Matrix products: MatMul (numpy.matmul) and Gemm (alpha * A' * B' + beta * C).
#include <fmt/format.h>

#include <algorithm>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

/// numpy.matmul: a 1-D operand gets a dimension that vanishes from the result.
Status InferMatMul(InferContext& c) {
  HADRON_RETURN_IF_ERROR(
      c.RequireType(0, {DataType::kFp32, DataType::kFp64, DataType::kFp16, DataType::kBf16,
                        DataType::kInt32, DataType::kInt64, DataType::kUint32, DataType::kUint64}));
  HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 1));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 1, INT32_MAX));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 1, 1, INT32_MAX));
  SymbolicShape a = c.shape(0);
  SymbolicShape b = c.shape(1);
  const bool row = a.size() == 1;
  const bool column = b.size() == 1;
  if (row) a.insert(a.begin(), Dim(1));
  if (column) b.push_back(Dim(1));
  HADRON_RETURN_IF_ERROR(RequireEqual(c, b[b.size() - 2], a.back(), "rows of input 1"));
  const SymbolicShape batch_a(a.begin(), a.end() - 2);
  const SymbolicShape batch_b(b.begin(), b.end() - 2);
  HADRON_ASSIGN_OR_RETURN(SymbolicShape y, c.Broadcast(batch_a, batch_b));
  if (!row) y.push_back(a[a.size() - 2]);
  if (!column) y.push_back(b.back());
  return SetOutput(c, 0, c.type(0), std::move(y));
}

Status InferGemm(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 1));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 2, 2));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 1, 2, 2));
  const auto trans_a = static_cast<std::size_t>(c.attributes().Int("transA", 0) != 0);
  const auto trans_b = static_cast<std::size_t>(c.attributes().Int("transB", 0) != 0);
  HADRON_RETURN_IF_ERROR(RequireEqual(c, c.shape(1)[trans_b], c.shape(0)[1 - trans_a],
                                      "the reduced dimension of input 1"));
  const SymbolicShape y = {c.shape(0)[trans_a], c.shape(1)[1 - trans_b]};
  if (c.has_input(2)) {
    HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 2));
    HADRON_RETURN_IF_ERROR(RequireBroadcastsTo(c, 2, y));
  }
  return SetOutput(c, 0, c.type(0), y);
}

}  // namespace

void RegisterGemm(OpRegistry& registry) {
  registry.Add({.name = "MatMul",
                .versions = {1, 9, 13},
                .min_inputs = 2,
                .max_inputs = 2,
                .infer = InferMatMul});
  registry.Add({.name = "Gemm",
                .versions = {7, 9, 11, 13},
                .min_inputs = 2,
                .max_inputs = 3,
                .attributes = {{"alpha", AttributeType::kFloat},
                               {"beta", AttributeType::kFloat},
                               {"transA", AttributeType::kInt},
                               {"transB", AttributeType::kInt}},
                .infer = InferGemm});
}

}  // namespace hadron::graph
