#include "graph/passes/matcher.h"

#include <cmath>

#include "graph/op_schema.h"

namespace hadron::graph {

const Node* Matcher::Producer(ValueId value, std::string_view op_type) const {
  if (value == kNoValue || value >= producers_.size() || producers_[value] < 0) return nullptr;
  const Node& node = graph_.nodes()[static_cast<std::size_t>(producers_[value])];
  const bool plain = node.domain.empty() && node.post_ops.empty() && node.op_type == op_type;
  return plain ? &node : nullptr;
}

std::optional<double> Matcher::Scalar(ValueId value) const {
  const ConstantRef& constant = graph_.value(value).constant;
  if (constant == nullptr || constant->shape().elements() != 1) return std::nullopt;
  const auto values = constant->Doubles();
  return values.ok() ? std::optional(values->front()) : std::nullopt;
}

bool Matcher::IsScalar(ValueId value, double wanted) const {
  const auto scalar = Scalar(value);
  return scalar && std::abs(*scalar - wanted) <= 1e-6 * std::abs(wanted);
}

ValueId Matcher::Other(const Node& node, ValueId value) {
  return node.inputs[0] == value ? node.inputs[1] : node.inputs[0];
}

std::vector<ValueId> Matcher::Factors(const Node& node) const {
  std::vector<ValueId> factors;
  bool split = false;
  for (const ValueId input : node.inputs) {
    const Node* product = split ? nullptr : Producer(input, "Mul");
    if (product == nullptr) {
      factors.push_back(input);
    } else {
      factors.insert(factors.end(), product->inputs.begin(), product->inputs.end());
      split = true;
    }
  }
  return factors;
}

ValueId Matcher::PlusNumber(ValueId value, double number) const {
  const Node* sum = Producer(value, "Add");
  if (sum == nullptr) return kNoValue;
  if (IsScalar(sum->inputs[0], number)) return sum->inputs[1];
  return IsScalar(sum->inputs[1], number) ? sum->inputs[0] : kNoValue;
}

bool Matcher::SameShape(ValueId a, ValueId b) const {
  return graph_.value(a).shape == graph_.value(b).shape;
}

void Matcher::Become(Node& node, std::string op_type, std::vector<ValueId> inputs) {
  node.schema = OpRegistry::Get().Find("", op_type);
  node.since_version = node.schema->versions.back();
  node.op_type = std::move(op_type);
  node.inputs = std::move(inputs);
  node.attributes = {};
}

}  // namespace hadron::graph
