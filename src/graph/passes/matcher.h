#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace hadron::graph {

/// What passes that look for written-out operators ask of a graph, and how they replace one.
/// Holds the producers of all values as they were at the start; lives for one pass.
class Matcher {
 public:
  explicit Matcher(Graph& graph) : graph_(graph), producers_(graph.Producers()) {}

  Graph& graph() const { return graph_; }
  /// The node behind a value if it is this operator with nothing fused into it, else null.
  const Node* Producer(ValueId value, std::string_view op_type) const;
  /// The number behind a constant of one element.
  std::optional<double> Scalar(ValueId value) const;
  /// ... is `wanted`, within the precision of floats.
  bool IsScalar(ValueId value, double wanted) const;
  /// The other operand of a commutative node whose one operand is `value`.
  static ValueId Other(const Node& node, ValueId value);
  /// The factors of a product of up to three, however it is bracketed.
  std::vector<ValueId> Factors(const Node& node) const;
  bool SameShape(ValueId a, ValueId b) const;
  /// Makes the node, whose outputs stay, the newest version of another operator.
  static void Become(Node& node, std::string op_type, std::vector<ValueId> inputs);

 private:
  Graph& graph_;
  const std::vector<int> producers_;
};

}  // namespace hadron::graph
