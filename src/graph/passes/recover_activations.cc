// Activations that exporters write out: Swish (SiLU), HardSwish, and Gelu in its tanh form.
#include <cmath>

#include "graph/passes.h"
#include "graph/passes/matcher.h"

namespace hadron::graph {
namespace {

using tensor::DataType;

class ActivationFinder : Matcher {
 public:
  explicit ActivationFinder(Graph& graph) : Matcher(graph) {}

  void Run() {
    for (Node& node : graph().nodes()) {
      if (!node.domain.empty() || !node.post_ops.empty() || node.outputs.empty()) continue;
      if (graph().value(node.outputs[0]).type != DataType::kFp32) continue;
      if (node.op_type == "Mul" && !FindSwish(node) && !FindHardSwish(node)) FindTanhGelu(node);
      if (node.op_type == "Div") FindDividedHardSwish(node);
    }
  }

 private:
  /// Replaces the node if it keeps the shape of `x`.
  bool Replace(Node& node, const char* op_type, ValueId x) {
    if (!SameShape(x, node.outputs[0])) return false;
    Become(node, op_type, {x});
    return true;
  }

  /// x * sigmoid(x)
  bool FindSwish(Node& node) {
    for (const ValueId gate : node.inputs) {
      const Node* sigmoid = Producer(gate, "Sigmoid");
      if (sigmoid == nullptr || sigmoid->inputs[0] != Other(node, gate)) continue;
      return Replace(node, "Swish", sigmoid->inputs[0]);
    }
    return false;
  }

  /// clip(x + 3, 0, 6): the x.
  ValueId ClippedTerm(ValueId value) const {
    const Node* clip = Producer(value, "Clip");
    if (clip == nullptr || !clip->HasInput(1) || !clip->HasInput(2)) return kNoValue;
    const auto low = Scalar(clip->inputs[1]);
    const Node* sum = Producer(clip->inputs[0], "Add");
    if (!low || *low != 0 || !IsScalar(clip->inputs[2], 6) || sum == nullptr) return kNoValue;
    const bool first = IsScalar(sum->inputs[0], 3);
    if (!first && !IsScalar(sum->inputs[1], 3)) return kNoValue;
    return sum->inputs[first ? 1 : 0];
  }

  /// x * hardsigmoid(x), or x * clip(x + 3, 0, 6) * (1 / 6) bracketed in any way.
  bool FindHardSwish(Node& node) {
    for (const ValueId gate : node.inputs) {
      const Node* sigmoid = Producer(gate, "HardSigmoid");
      if (sigmoid == nullptr || sigmoid->inputs[0] != Other(node, gate)) continue;
      const double alpha = static_cast<double>(sigmoid->attributes.Float("alpha", 0.2F));
      const double beta = static_cast<double>(sigmoid->attributes.Float("beta", 0.5F));
      if (std::abs(alpha - 1.0 / 6) > 1e-6 || beta != 0.5) continue;
      return Replace(node, "HardSwish", sigmoid->inputs[0]);
    }
    const std::vector<ValueId> factors = Factors(node);
    return factors.size() == 3 && IsHardSwish(factors, 1.0 / 6, node);
  }

  /// x * clip(x + 3, 0, 6) / 6, the quotient taken of any factor.
  void FindDividedHardSwish(Node& node) {
    if (!IsScalar(node.inputs[1], 6)) return;
    const Node* product = Producer(node.inputs[0], "Mul");
    if (product == nullptr) return;
    std::vector<ValueId> factors = product->inputs;
    IsHardSwish(factors, 1, node);
  }

  /// The factors are x, its clipped term, and, unless it is 1, this number.
  bool IsHardSwish(const std::vector<ValueId>& factors, double number, Node& node) {
    ValueId x = kNoValue;
    std::vector<ValueId> rest;
    bool scaled = number == 1;
    for (const ValueId factor : factors) {
      const ValueId inner = x == kNoValue ? ClippedTerm(factor) : kNoValue;
      if (inner != kNoValue) {
        x = inner;
      } else if (!scaled && IsScalar(factor, number)) {
        scaled = true;
      } else {
        rest.push_back(factor);
      }
    }
    if (x == kNoValue || !scaled || rest.size() != 1 || rest[0] != x) return false;
    return Replace(node, "HardSwish", x);
  }

  /// x + 0.044715 * x^3: the x.
  ValueId CubicTerm(ValueId value) const {
    const Node* sum = Producer(value, "Add");
    if (sum == nullptr) return kNoValue;
    for (const ValueId x : sum->inputs) {
      const Node* scaled = Producer(Other(*sum, x), "Mul");
      if (scaled == nullptr) continue;
      for (const ValueId cube : scaled->inputs) {
        if (IsScalar(Other(*scaled, cube), 0.044715) && IsCube(cube, x)) return x;
      }
    }
    return kNoValue;
  }

  bool IsCube(ValueId value, ValueId x) const {
    if (const Node* power = Producer(value, "Pow")) {
      return power->inputs[0] == x && IsScalar(power->inputs[1], 3);
    }
    const Node* product = Producer(value, "Mul");
    return product != nullptr && Factors(*product) == std::vector<ValueId>{x, x, x};
  }

  /// 1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)): the x.
  ValueId TanhTerm(ValueId value) const {
    const Node* sum = Producer(value, "Add");
    if (sum == nullptr) return kNoValue;
    const bool first = IsScalar(sum->inputs[0], 1);
    if (!first && !IsScalar(sum->inputs[1], 1)) return kNoValue;
    const Node* tanh = Producer(sum->inputs[first ? 1 : 0], "Tanh");
    const Node* product = tanh == nullptr ? nullptr : Producer(tanh->inputs[0], "Mul");
    if (product == nullptr) return kNoValue;
    for (const ValueId cubic : product->inputs) {
      if (IsScalar(Other(*product, cubic), std::sqrt(2 / M_PI))) return CubicTerm(cubic);
    }
    return kNoValue;
  }

  /// 0.5 * x * (1 + tanh(...)), bracketed in any way.
  void FindTanhGelu(Node& node) {
    ValueId x = kNoValue;
    bool half = false;
    std::vector<ValueId> rest;
    const std::vector<ValueId> factors = Factors(node);
    if (factors.size() != 3) return;
    for (const ValueId factor : factors) {
      const ValueId inner = x == kNoValue ? TanhTerm(factor) : kNoValue;
      if (inner != kNoValue) {
        x = inner;
      } else if (!half && IsScalar(factor, 0.5)) {
        half = true;
      } else {
        rest.push_back(factor);
      }
    }
    if (x == kNoValue || !half || rest.size() != 1 || rest[0] != x) return;
    if (Replace(node, "Gelu", x)) node.attributes.Set("approximate", std::string("tanh"));
  }
};

}  // namespace

base::Status RecoverActivations(Graph& graph, const PassContext&) {
  ActivationFinder(graph).Run();
  return EliminateDead(graph, {});
}

}  // namespace hadron::graph
