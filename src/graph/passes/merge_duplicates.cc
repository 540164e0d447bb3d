// Common sub-expressions: of two pure nodes that say the same, the second goes.
#include <map>

#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

bool SameValue(const AttributeValue& a, const AttributeValue& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, OtherAttribute>) {
          return false;
        } else {
          return value == std::get<T>(b);  // tensors and graphs: the very same object
        }
      },
      a);
}

bool SameAttributes(const Attributes& a, const Attributes& b) {
  if (a.all().size() != b.all().size()) return false;
  for (const auto& [name, value] : a.all()) {
    const AttributeValue* other = b.Find(name);
    if (other == nullptr || !SameValue(value, *other)) return false;
  }
  return true;
}

bool SameNode(const Node& a, const Node& b) {
  return a.schema == b.schema && a.schema->pure && a.inputs == b.inputs &&
         a.outputs.size() == b.outputs.size() && a.post_ops.empty() && b.post_ops.empty() &&
         SameAttributes(a.attributes, b.attributes);
}

}  // namespace

base::Status MergeDuplicates(Graph& graph, const PassContext&) {
  std::multimap<std::pair<const OpSchema*, ValueId>, std::size_t> seen;
  std::vector<bool> dead(graph.nodes().size(), false);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const auto key = std::make_pair(node.schema, node.inputs.empty() ? kNoValue : node.inputs[0]);
    const auto [begin, end] = seen.equal_range(key);
    for (auto it = begin; it != end && !dead[i]; ++it) {
      const Node& earlier = graph.nodes()[it->second];
      if (!SameNode(earlier, node)) continue;
      dead[i] = true;
      for (std::size_t o = 0; o < node.outputs.size(); ++o) {
        if (!node.HasOutput(o)) continue;
        if (!earlier.HasOutput(o)) {
          dead[i] = false;  // the earlier node does not compute this output
          break;
        }
      }
      if (!dead[i]) continue;
      for (std::size_t o = 0; o < node.outputs.size(); ++o) {
        if (node.HasOutput(o)) graph.ReplaceUses(node.outputs[o], earlier.outputs[o]);
      }
    }
    if (!dead[i]) seen.emplace(key, i);
  }
  graph.EraseNodes(dead);
  return {};
}

}  // namespace hadron::graph
