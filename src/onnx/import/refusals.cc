#include "onnx/import/refusals.h"

#include <algorithm>
#include <vector>

#include "graph/infer.h"
#include "graph/op_schema.h"

namespace hadron::onnx {
namespace {

using graph::Graph;
using graph::ValueFacts;
using graph::ValueId;
using tensor::DataType;

/// The elements of constants that steer shapes.
std::optional<std::vector<graph::Dim>> SmallElements(const graph::Constant& constant) {
  if (constant.shape().elements() > graph::kMaxTrackedElements) return std::nullopt;
  const auto ints = constant.Ints();
  if (!ints.ok()) return std::nullopt;
  return std::vector<graph::Dim>(ints->begin(), ints->end());
}

std::vector<ValueFacts> KnownFacts(const Graph& graph) {
  std::vector<ValueFacts> facts(graph.value_count());
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const graph::Value& value = graph.value(static_cast<ValueId>(i));
    if (value.constant == nullptr) continue;
    facts[i] = {value.type, value.shape, SmallElements(*value.constant)};
  }
  for (const ValueId id : graph.inputs()) {
    facts[id] = {graph.value(id).type, graph.value(id).shape, std::nullopt};
  }
  return facts;
}

}  // namespace

void ListRefusals(Graph& graph, Diagnostics& diagnostics) {
  std::vector<ValueFacts> facts = KnownFacts(graph);
  for (const graph::Node& node : graph.nodes()) {
    const bool follows_refused = std::ranges::any_of(node.inputs, [&facts](ValueId id) {
      return id != graph::kNoValue && facts[id].type == DataType::kInvalid;
    });
    if (follows_refused || node.schema->infer == nullptr) continue;
    graph::InferContext context(graph, node, facts);
    // Only what is unsupported counts here: the rest of such a model has not been judged.
    static_cast<void>(diagnostics.Collect(node.schema->infer(context)).ok());
  }
}

}  // namespace hadron::onnx
