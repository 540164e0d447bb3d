// Nodes none of whose outputs reach an output of the graph.
#include "graph/passes.h"

namespace hadron::graph {

base::Status EliminateDead(Graph& graph, const PassContext&) {
  std::vector<bool> wanted(graph.value_count(), false);
  for (const GraphOutput& output : graph.outputs()) wanted[output.value] = true;
  std::vector<bool> dead(graph.nodes().size(), false);
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    bool used = false;
    for (const ValueId id : node.outputs) used = used || (id != kNoValue && wanted[id]);
    dead[i] = !used;
    if (!used) continue;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) wanted[id] = true;
    }
    for (const PostOp& op : node.post_ops) {
      if (op.operand != kNoValue) wanted[op.operand] = true;
    }
  }
  graph.EraseNodes(dead);
  return {};
}

}  // namespace hadron::graph
