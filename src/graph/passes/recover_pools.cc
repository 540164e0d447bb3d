// A mean over all pixels, ReduceMean with every spatial axis, is GlobalAveragePool: pooling kernels
// take channels-last tensors, reductions would have them reordered first. With one spatial axis it
// more often is a mean over rows of features, which plain tensors suit.
#include <algorithm>

#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

/// True when `axes` names every axis behind the first two of a tensor of this rank, once.
bool NamesAllPixels(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> named(rank, false);
  for (const std::int64_t axis : axes) {
    const std::int64_t at = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
    if (at < 2 || at >= static_cast<std::int64_t>(rank)) return false;
    named[static_cast<std::size_t>(at)] = true;
  }
  return std::all_of(named.begin() + 2, named.end(), [](bool is) { return is; });
}

bool IsMeanOfPixels(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.op_type != "ReduceMean" || !node.HasInput(1)) return false;
  const Value& x = graph.value(node.inputs[0]);
  const ConstantRef& axes = graph.value(node.inputs[1]).constant;
  const std::size_t rank = x.shape.size();
  if (x.type != tensor::DataType::kFp32 || axes == nullptr || rank < 4 || rank > 5) return false;
  const auto numbers = axes->Ints();
  return numbers.ok() && NamesAllPixels(*numbers, rank);
}

Node MakeNode(const Node& from, std::string op_type, ValueId input, ValueId output) {
  Node node;
  node.name = from.name;
  node.op_type = std::move(op_type);
  node.schema = OpRegistry::Get().Find("", node.op_type);
  node.since_version = node.schema->versions.back();
  node.inputs = {input};
  node.outputs = {output};
  return node;
}

}  // namespace

base::Status RecoverPools(Graph& graph, const PassContext&) {
  std::vector<Node> nodes;
  for (Node& node : graph.nodes()) {
    if (!IsMeanOfPixels(graph, node)) {
      nodes.push_back(std::move(node));
      continue;
    }
    const Value& x = graph.value(node.inputs[0]);
    const ValueId y = node.outputs[0];
    if (node.attributes.Int("keepdims", 1) != 0) {
      nodes.push_back(MakeNode(node, "GlobalAveragePool", node.inputs[0], y));
      continue;
    }
    SymbolicShape pooled(x.shape.size(), Dim(1));
    std::copy_n(x.shape.begin(), 2, pooled.begin());
    const ValueId mean = graph.AddValue(graph.value(y).name + "/pooled", x.type, pooled);
    nodes.push_back(MakeNode(node, "GlobalAveragePool", node.inputs[0], mean));
    nodes.push_back(MakeNode(node, "Flatten", mean, y));
  }
  graph.nodes() = std::move(nodes);
  return {};
}

}  // namespace hadron::graph
