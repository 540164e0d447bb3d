// Reductions over some axes, and the positions of extremes along one.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

constexpr std::initializer_list<DataType> kReducible = {
    DataType::kFp32,  DataType::kFp64,  DataType::kFp16,   DataType::kBf16,
    DataType::kInt32, DataType::kInt64, DataType::kUint32, DataType::kUint64};

/// True for every axis that is reduced.
StatusOr<std::vector<bool>> ReducedAxes(const InferContext& c) {
  std::vector<std::int64_t> axes;
  if (c.has_input(1)) {
    HADRON_ASSIGN_OR_RETURN(const auto given, RequireInts(c, 1, "axes"));
    HADRON_ASSIGN_OR_RETURN(axes, NormaliseAxes(c, given, c.rank(0)));
  }
  const bool all = axes.empty() && c.attributes().Int("noop_with_empty_axes", 0) == 0;
  std::vector<bool> reduced(c.shape(0).size(), all);
  for (const std::int64_t axis : axes) reduced[static_cast<std::size_t>(axis)] = true;
  return reduced;
}

/// Shapes are multiplied up with ReduceProd.
void FollowProduct(InferContext& c, bool whole) {
  const auto* elements = c.elements(0);
  if (c.node().op_type != "ReduceProd" || elements == nullptr || c.rank(0) != 1 || !whole) return;
  const auto product = Elements(*elements);
  if (product) c.SetElements(0, {*product});
}

Status SetReduced(InferContext& c) {
  HADRON_ASSIGN_OR_RETURN(const auto reduced, ReducedAxes(c));
  const bool keep = c.attributes().Int("keepdims", 1) != 0;
  SymbolicShape y;
  for (std::size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) {
      y.push_back(c.shape(0)[i]);
    } else if (keep) {
      y.emplace_back(1);
    }
  }
  HADRON_RETURN_IF_ERROR(SetOutput(c, 0, c.type(0), std::move(y)));
  FollowProduct(c, !reduced.empty() && reduced[0]);
  return {};
}

Status InferReduce(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kReducible));
  return SetReduced(c);
}

Status InferReduceExtreme(InferContext& c) {
  if (c.type(0) != DataType::kInt8 && c.type(0) != DataType::kUint8 &&
      c.type(0) != DataType::kBool) {
    HADRON_RETURN_IF_ERROR(c.RequireType(0, kReducible));
  }
  return SetReduced(c);
}

Status LegaliseReduceSum(Graph& graph, Node& node) {
  if (node.since_version < 13) IntsToInput(graph, node, "axes", 1);
  return {};
}

Status LegaliseReduce(Graph& graph, Node& node) {
  if (node.since_version < 18) IntsToInput(graph, node, "axes", 1);
  return {};
}

Status InferArg(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  HADRON_ASSIGN_OR_RETURN(const std::int64_t normal,
                          c.Axis(c.attributes().Int("axis", 0), c.rank(0)));
  const auto axis = static_cast<std::size_t>(normal);
  SymbolicShape y = c.shape(0);
  if (y[axis] == Dim(0)) return c.Invalid(fmt::format("axis {} has no elements", axis));
  if (c.attributes().Int("keepdims", 1) != 0) {
    y[axis] = Dim(1);
  } else {
    y.erase(y.begin() + normal);
  }
  c.SetOutput(0, DataType::kInt64, std::move(y));
  return {};
}

OpSchema Reduction(std::string_view name, std::vector<int> versions, int axes_input,
                   OpSchema::Infer infer) {
  return {.name = name,
          .versions = std::move(versions),
          .max_inputs = 2,
          .attributes = {{"axes", AttributeType::kInts, false, 1, axes_input - 1},
                         {"keepdims", AttributeType::kInt},
                         {"noop_with_empty_axes", AttributeType::kInt, false, axes_input}},
          .infer = infer,
          .legalise = axes_input == 13 ? LegaliseReduceSum : LegaliseReduce};
}

OpSchema Arg(std::string_view name) {
  return {.name = name,
          .versions = {1, 11, 12, 13},
          .attributes = {{"axis", AttributeType::kInt},
                         {"keepdims", AttributeType::kInt},
                         {"select_last_index", AttributeType::kInt, false, 12}},
          .infer = InferArg};
}

}  // namespace

void RegisterReduce(OpRegistry& registry) {
  registry.Add(Reduction("ReduceSum", {1, 11, 13}, 13, InferReduce));
  for (const std::string_view name : {"ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2",
                                      "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}) {
    registry.Add(Reduction(name, {1, 11, 13, 18}, 18, InferReduce));
  }
  registry.Add(Reduction("ReduceMax", {1, 11, 12, 13, 18, 20}, 18, InferReduceExtreme));
  registry.Add(Reduction("ReduceMin", {1, 11, 12, 13, 18, 20}, 18, InferReduceExtreme));
  registry.Add(Arg("ArgMax"));
  registry.Add(Arg("ArgMin"));
}

}  // namespace hadron::graph
