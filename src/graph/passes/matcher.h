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
  /// The x of x + number, in either order; kNoValue for anything else.
  ValueId PlusNumber(ValueId value, double number) const;
  /// The x of x * gate(x) * number, its factors in any order; a number of 1 is not written.
  /// `gate`: the x inside a factor, kNoValue if the factor is no gate.
  template <typename Gate>
  ValueId Gated(const std::vector<ValueId>& factors, double number, const Gate& gate) const {
    ValueId x = kNoValue;
    std::vector<ValueId> rest;
    bool scaled = number == 1;
    for (const ValueId factor : factors) {
      const ValueId inner = x == kNoValue ? gate(factor) : kNoValue;
      if (inner != kNoValue) {
        x = inner;
      } else if (!scaled && IsScalar(factor, number)) {
        scaled = true;
      } else {
        rest.push_back(factor);
      }
    }
    return scaled && rest.size() == 1 && rest[0] == x ? x : kNoValue;
  }
  bool SameShape(ValueId a, ValueId b) const;
  /// Makes the node, whose outputs stay, the newest version of another operator.
  static void Become(Node& node, std::string op_type, std::vector<ValueId> inputs);

 private:
  Graph& graph_;
  const std::vector<int> producers_;
};

}  // namespace hadron::graph
