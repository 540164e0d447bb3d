// Nodes whose inputs are all constants become constants: small ones at once, large ones as
// expressions that are evaluated when a weight segment is packed.
#include <algorithm>

#include "graph/infer.h"
#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

using base::Status;

constexpr std::uint64_t kEagerBytes = 64 * 1024;

bool AllConstant(const Graph& graph, const Node& node) {
  return std::ranges::all_of(node.inputs, [&](ValueId id) {
    return id == kNoValue || graph.value(id).constant != nullptr;
  });
}

bool Foldable(const Graph& graph, const Node& node, const std::vector<ValueFacts>& facts,
              const PassContext& context) {
  if (!node.schema->pure || !node.post_ops.empty() || !AllConstant(graph, node)) return false;
  return std::ranges::all_of(node.outputs, [&](ValueId id) {
    if (id == kNoValue) return true;
    if (!FullyKnown(facts[id].shape)) return false;
    const auto bytes = ToShape(facts[id].shape).CheckedBytes(facts[id].type);
    return bytes.has_value() && *bytes <= context.max_fold_bytes;
  });
}

/// Description of output `i`, for evaluation.
tensor::TensorDesc Desc(const Graph& graph, const std::vector<ValueFacts>& facts, ValueId id) {
  if (id == kNoValue) return {};
  return {graph.value(id).name, facts[id].type, ToShape(facts[id].shape)};
}

ConstantRef DeferNode(const Graph& graph, const Node& node, std::vector<tensor::TensorDesc> descs,
                      std::size_t output, const PassContext& context) {
  std::vector<ConstantRef> operands;
  std::vector<bool> present;
  for (const ValueId id : node.inputs) {
    present.push_back(id != kNoValue);
    if (id != kNoValue) operands.push_back(graph.value(id).constant);
  }
  tensor::TensorDesc desc = descs[output];
  auto expression = [node, descs = std::move(descs), present, output, evaluate = context.evaluate](
                        std::span<const tensor::HostTensor> given) -> base::StatusOr<base::IoBuf> {
    std::vector<tensor::HostTensor> inputs(present.size());
    std::size_t next = 0;
    for (std::size_t i = 0; i < present.size(); ++i) {
      if (present[i]) inputs[i] = given[next++];
    }
    HADRON_ASSIGN_OR_RETURN(auto results, evaluate(node, inputs, descs));
    return std::move(results[output].bytes);
  };
  return Constant::Deferred(std::move(desc), std::move(operands), std::move(expression));
}

Status FoldNode(Graph& graph, const Node& node, const std::vector<ValueFacts>& facts,
                const PassContext& context) {
  std::vector<tensor::TensorDesc> descs;
  std::uint64_t bytes = 0;
  for (const ValueId id : node.outputs) {
    descs.push_back(Desc(graph, facts, id));
    if (id != kNoValue) bytes += *descs.back().shape.CheckedBytes(descs.back().type);
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.HasOutput(i)) continue;
    ConstantRef constant = DeferNode(graph, node, descs, i, context);
    if (bytes <= kEagerBytes) {
      HADRON_ASSIGN_OR_RETURN(auto value, constant->Evaluate());
      constant = Constant::FromTensor(std::move(value));
    }
    Value& value = graph.value(node.outputs[i]);
    value.type = constant->type();
    value.shape = ToSymbolic(constant->shape());
    value.constant = std::move(constant);
  }
  return {};
}

}  // namespace

Status FoldConstants(Graph& graph, const PassContext& context) {
  if (!context.evaluate) return {};
  HADRON_ASSIGN_OR_RETURN(const auto facts, InferFacts(graph));
  std::vector<bool> dead(graph.nodes().size(), false);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!Foldable(graph, node, facts, context)) continue;
    HADRON_RETURN_IF_ERROR(FoldNode(graph, node, facts, context));
    dead[i] = true;
  }
  graph.EraseNodes(dead);
  return {};
}

}  // namespace hadron::graph
