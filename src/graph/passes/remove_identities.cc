// Identity, Dropout at inference and reshapes to the same shape: readers take the input instead.
#include <algorithm>

#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

bool IsIdentity(const Node& node) {
  if (!node.domain.empty() || !node.post_ops.empty()) return false;
  return node.op_type == "Identity" || (node.op_type == "Dropout" && !node.HasOutput(1));
}

bool IsGraphOutput(const Graph& graph, ValueId id) {
  return std::ranges::any_of(graph.outputs(),
                             [id](const GraphOutput& output) { return output.value == id; });
}

}  // namespace

base::Status RemoveIdentities(Graph& graph, const PassContext&) {
  const std::vector<int> producers = graph.Producers();
  std::vector<bool> dead(graph.nodes().size(), false);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!IsIdentity(node)) continue;
    // An output that is an input or a constant keeps its Identity: something must write it.
    const bool computed = producers[node.inputs[0]] >= 0;
    if (!computed && IsGraphOutput(graph, node.outputs[0])) continue;
    const ValueId from = node.outputs[0];
    const ValueId to = node.inputs[0];
    graph.ReplaceUses(from, to);
    dead[i] = true;
  }
  graph.EraseNodes(dead);
  return {};
}

}  // namespace hadron::graph
