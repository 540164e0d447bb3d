// Operators that order or add up along one axis: TopK, CumSum.
#include <fmt/format.h>

#include <array>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

Status InferTopK(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  HADRON_ASSIGN_OR_RETURN(const std::int64_t axis,
                          c.Axis(c.attributes().Int("axis", -1), c.rank(0)));
  HADRON_ASSIGN_OR_RETURN(const auto count, RequireInts(c, 1, "K"));
  const Dim& size = c.shape(0)[static_cast<std::size_t>(axis)];
  if (count.size() != 1 || count[0] < 0 || (size.known() && count[0] > size.value())) {
    return c.Invalid(fmt::format("K = {} is out of range for a dimension of {}",
                                 count.empty() ? 0 : count[0], size.ToString()));
  }
  SymbolicShape y = c.shape(0);
  y[static_cast<std::size_t>(axis)] = Dim(count[0]);
  c.SetOutput(0, c.type(0), y);
  c.SetOutput(1, DataType::kInt64, std::move(y));
  return {};
}

Status LegaliseTopK(Graph& graph, Node& node) {
  if (node.since_version >= 10) return {};
  const std::array<std::int64_t, 1> count = {node.attributes.Int("k", 0)};
  SetInput(node, 1, AddInts(graph, node, "k", count));
  node.attributes.Erase("k");
  return {};
}

Status InferCumSum(InferContext& c) {
  HADRON_RETURN_IF_ERROR(
      c.RequireType(0, {DataType::kFp32, DataType::kFp64, DataType::kFp16, DataType::kBf16,
                        DataType::kInt32, DataType::kInt64, DataType::kUint32, DataType::kUint64}));
  HADRON_ASSIGN_OR_RETURN(const auto axis, RequireInts(c, 1, "axis"));
  if (axis.size() != 1) return c.Invalid("input 1 ('axis') must have one element");
  HADRON_RETURN_IF_ERROR(c.Axis(axis[0], c.rank(0)).status());
  c.SetOutput(0, c.type(0), c.shape(0));
  return {};
}

}  // namespace

void RegisterTopK(OpRegistry& registry) {
  registry.Add({.name = "TopK",
                .versions = {1, 10, 11, 24},
                .max_inputs = 2,
                .min_outputs = 1,
                .max_outputs = 2,
                .attributes = {{"axis", AttributeType::kInt},
                               {"k", AttributeType::kInt, true, 1, 9},
                               {"largest", AttributeType::kInt, false, 11},
                               {"sorted", AttributeType::kInt, false, 11}},
                .infer = InferTopK,
                .legalise = LegaliseTopK});
  registry.Add(
      {.name = "CumSum",
       .versions = {11, 14},
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"exclusive", AttributeType::kInt}, {"reverse", AttributeType::kInt}},
       .infer = InferCumSum});
}

}  // namespace hadron::graph
