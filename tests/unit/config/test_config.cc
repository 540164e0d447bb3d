#include "unit/config/test_config.h"

#include "base/strings.h"
#include "config/parse.h"
#include "graph/op_schema.h"

namespace hadron::config::test {

graph::Graph IdentityGraph(const std::vector<Tensor>& tensors) {
  graph::Graph graph;
  for (const Tensor& tensor : tensors) {
    graph::SymbolicShape shape;
    for (const std::string& dim : tensor.dims) {
      if (const auto number = base::ParseInt64(dim)) {
        shape.emplace_back(*number);
      } else {
        shape.push_back(dim == "?" ? graph.FreshSymbol() : graph.Symbol(dim));
      }
    }
    const graph::ValueId input = graph.AddInput(tensor.input, tensor.type, shape);
    const graph::ValueId output = graph.AddValue(tensor.output, tensor.type, shape);
    graph::Node node;
    node.name = tensor.input + "_identity";
    node.op_type = "Identity";
    node.schema = graph::OpRegistry::Get().Find("", "Identity");
    node.since_version = 13;
    node.inputs = {input};
    node.outputs = {output};
    graph.nodes().push_back(std::move(node));
    graph.AddOutput(tensor.output, output);
  }
  return graph;
}

base::StatusOr<std::shared_ptr<const ModelConfig>> Load(std::string_view pbtxt,
                                                        const graph::Graph* graph,
                                                        const CompletionOptions& options) {
  HADRON_ASSIGN_OR_RETURN(RawConfig parsed, ParsePbtxt(pbtxt, "config.pbtxt"));
  HADRON_ASSIGN_OR_RETURN(const RawConfig raw,
                          Identify(std::move(parsed), {"m", {"model.onnx"}}, options.strict));
  return Complete(raw, graph, options);
}

std::string LoadError(std::string_view pbtxt, const graph::Graph* graph,
                      const CompletionOptions& options) {
  const auto config = Load(pbtxt, graph, options);
  return config.ok() ? std::string() : config.CloneStatus().ToString();
}

}  // namespace hadron::config::test
