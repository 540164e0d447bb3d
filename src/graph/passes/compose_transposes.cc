// Transpose of a transpose is one transpose, or none at all.
#include <algorithm>
#include <numeric>

#include "graph/passes.h"

namespace hadron::graph {
namespace {

std::vector<std::int64_t> Permutation(const Graph& graph, const Node& node) {
  const std::size_t rank = graph.value(node.outputs[0]).shape.size();
  std::vector<std::int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return node.attributes.Ints("perm", std::move(reversed));
}

bool IsTranspose(const Node& node) {
  return node.domain.empty() && node.op_type == "Transpose" && node.post_ops.empty();
}

}  // namespace

base::Status ComposeTransposes(Graph& graph, const PassContext&) {
  const std::vector<int> producers = graph.Producers();
  for (Node& node : graph.nodes()) {
    if (!IsTranspose(node) || producers[node.inputs[0]] < 0) continue;
    const Node& inner = graph.nodes()[static_cast<std::size_t>(producers[node.inputs[0]])];
    if (!IsTranspose(inner)) continue;
    std::vector<std::int64_t> composed = Permutation(graph, node);
    const std::vector<std::int64_t> first = Permutation(graph, inner);
    for (std::int64_t& axis : composed) axis = first[static_cast<std::size_t>(axis)];
    node.inputs[0] = inner.inputs[0];
    if (std::ranges::is_sorted(composed)) {
      // The identity: readers take the original; this node is dead unless it is an output.
      graph.ReplaceUses(node.outputs[0], node.inputs[0]);
    }
    node.attributes.Set("perm", std::move(composed));
  }
  return EliminateDead(graph, {});
}

}  // namespace hadron::graph
