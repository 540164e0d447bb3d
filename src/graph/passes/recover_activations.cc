// Activations that exporters write out: Swish (SiLU), HardSwish, and Gelu in both its forms.
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
      if (node.op_type == "Mul" && !FindSwish(node) && !FindHardSwish(node)) FindGelu(node);
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
    const bool bounds = low && *low == 0 && IsScalar(clip->inputs[2], 6);
    return bounds ? PlusNumber(clip->inputs[0], 3) : kNoValue;
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
    return IsHardSwish(Factors(node), 1.0 / 6, node);
  }

  /// x * clip(x + 3, 0, 6) / 6
  void FindDividedHardSwish(Node& node) {
    if (!IsScalar(node.inputs[1], 6)) return;
    const Node* product = Producer(node.inputs[0], "Mul");
    if (product != nullptr) IsHardSwish(product->inputs, 1, node);
  }

  bool IsHardSwish(const std::vector<ValueId>& factors, double number, Node& node) {
    const auto gate = [this](ValueId factor) { return ClippedTerm(factor); };
    const ValueId x = Gated(factors, number, gate);
    return x != kNoValue && Replace(node, "HardSwish", x);
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

  /// tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)): the x.
  ValueId TanhOf(ValueId value) const {
    const Node* tanh = Producer(value, "Tanh");
    const Node* product = tanh == nullptr ? nullptr : Producer(tanh->inputs[0], "Mul");
    if (product == nullptr) return kNoValue;
    for (const ValueId cubic : product->inputs) {
      if (IsScalar(Other(*product, cubic), std::sqrt(2 / M_PI))) return CubicTerm(cubic);
    }
    return kNoValue;
  }

  /// erf(x / sqrt(2)): the x.
  ValueId ErfOf(ValueId value) const {
    const Node* erf = Producer(value, "Erf");
    if (erf == nullptr) return kNoValue;
    if (const Node* quotient = Producer(erf->inputs[0], "Div")) {
      return IsScalar(quotient->inputs[1], std::sqrt(2.0)) ? quotient->inputs[0] : kNoValue;
    }
    const Node* product = Producer(erf->inputs[0], "Mul");
    if (product == nullptr) return kNoValue;
    for (const ValueId x : product->inputs) {
      if (IsScalar(Other(*product, x), std::sqrt(0.5))) return x;
    }
    return kNoValue;
  }

  /// 0.5 * x * (1 + erf(...)), or with tanh, bracketed in any way.
  void FindGelu(Node& node) {
    const std::vector<ValueId> factors = Factors(node);
    const auto erf = [this](ValueId factor) { return ErfOf(PlusNumber(factor, 1)); };
    const ValueId exact = Gated(factors, 0.5, erf);
    if (exact != kNoValue) {
      Replace(node, "Gelu", exact);
      return;
    }
    const auto tanh = [this](ValueId factor) { return TanhOf(PlusNumber(factor, 1)); };
    const ValueId x = Gated(factors, 0.5, tanh);
    if (x != kNoValue && Replace(node, "Gelu", x)) {
      node.attributes.Set("approximate", std::string("tanh"));
    }
  }
};

}  // namespace

base::Status RecoverActivations(Graph& graph, const PassContext&) {
  ActivationFinder(graph).Run();
  return EliminateDead(graph, {});
}

}  // namespace hadron::graph
