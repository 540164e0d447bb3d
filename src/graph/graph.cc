#include "graph/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace hadron::graph {

const PostOpInfo& InfoOf(PostOp::Kind kind) {
  static constexpr PostOpInfo kInfos[] = {
      {"Scale"},   {"Shift"},      {"Add"},      {"Relu"},           {"LeakyRelu", 1},
      {"Clip", 2}, {"Sigmoid"},    {"Tanh"},     {"Softplus"},       {"Elu", 1},
      {"Gelu"},    {"Gelu(tanh)"}, {"Swish", 1}, {"HardSigmoid", 2}, {"HardSwish"},
  };
  static_assert(std::size(kInfos) == static_cast<std::size_t>(PostOp::Kind::kHardSwish) + 1);
  return kInfos[static_cast<std::size_t>(kind)];
}

std::string Node::Label() const { return fmt::format("node '{}' ({})", name, op_type); }

Graph Graph::Clone() const {
  Graph copy;
  copy.values_ = values_;
  copy.nodes_ = nodes_;
  copy.inputs_ = inputs_;
  copy.outputs_ = outputs_;
  copy.symbol_names_ = symbol_names_;
  return copy;
}

std::size_t ChannelAxis(const Node& node, std::size_t rank) {
  const bool product = node.op_type == "MatMul" || node.op_type == "Gemm";
  return product && rank > 0 ? rank - 1 : 1;
}

bool IsRowPerMatrix(const tensor::Shape& operand, const tensor::Shape& result) {
  const std::size_t rank = result.rank();
  if (rank < 3 || operand.rank() != rank || operand[0] != result[0]) return false;
  return operand[rank - 1] == result[rank - 1] &&
         operand.elements() == operand[0] * operand[rank - 1];
}

ValueId Graph::AddValue(std::string name, tensor::DataType type, SymbolicShape shape) {
  values_.push_back({std::move(name), type, std::move(shape), nullptr});
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId Graph::AddConstant(std::string name, ConstantRef constant) {
  const ValueId id = AddValue(std::move(name), constant->type(), ToSymbolic(constant->shape()));
  values_[id].constant = std::move(constant);
  return id;
}

ValueId Graph::AddInput(std::string name, tensor::DataType type, SymbolicShape shape) {
  inputs_.push_back(AddValue(std::move(name), type, std::move(shape)));
  return inputs_.back();
}

void Graph::AddOutput(std::string name, ValueId value) {
  outputs_.push_back({std::move(name), value});
}

Dim Graph::Symbol(std::string_view name) {
  HADRON_CHECK(!name.empty());
  const auto it = std::ranges::find(symbol_names_, name);
  if (it != symbol_names_.end()) {
    return Dim::Symbol(static_cast<SymbolId>(it - symbol_names_.begin()));
  }
  symbol_names_.emplace_back(name);
  return Dim::Symbol(static_cast<SymbolId>(symbol_names_.size() - 1));
}

Dim Graph::FreshSymbol() {
  symbol_names_.emplace_back();
  return Dim::Symbol(static_cast<SymbolId>(symbol_names_.size() - 1));
}

std::vector<int> Graph::Producers() const {
  std::vector<int> producers(values_.size(), -1);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const ValueId id : nodes_[i].outputs) {
      if (id != kNoValue) producers[id] = static_cast<int>(i);
    }
  }
  return producers;
}

std::vector<int> Graph::UseCounts() const {
  std::vector<int> uses(values_.size(), 0);
  const auto count = [&uses](ValueId id) {
    if (id != kNoValue) ++uses[id];
  };
  for (const Node& node : nodes_) {
    std::ranges::for_each(node.inputs, count);
    for (const PostOp& op : node.post_ops) count(op.operand);
  }
  for (const GraphOutput& output : outputs_) count(output.value);
  return uses;
}

void Graph::ReplaceUses(ValueId from, ValueId to) {
  const auto replace = [from, to](ValueId& id) {
    if (id == from) id = to;
  };
  for (Node& node : nodes_) {
    std::ranges::for_each(node.inputs, replace);
    for (PostOp& op : node.post_ops) replace(op.operand);
  }
  for (GraphOutput& output : outputs_) replace(output.value);
}

void Graph::EraseNodes(const std::vector<bool>& dead) {
  HADRON_CHECK(dead.size() == nodes_.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (dead[i]) continue;
    if (kept != i) nodes_[kept] = std::move(nodes_[i]);
    ++kept;
  }
  nodes_.resize(kept);
}

}  // namespace hadron::graph
