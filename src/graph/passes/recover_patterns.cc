// Exporters write some operators as chains of smaller ones. What the chains mean is found again
// here: LayerNormalization, squares and square roots written as Pow.
#include <cmath>
#include <optional>

#include "graph/passes.h"
#include "graph/passes/matcher.h"

namespace hadron::graph {
namespace {

using tensor::DataType;

class Recoverer : Matcher {
 public:
  explicit Recoverer(Graph& graph) : Matcher(graph) {}

  void Run() {
    for (Node& node : graph().nodes()) {
      if (!node.domain.empty() || !node.post_ops.empty() || node.outputs.empty()) continue;
      if (graph().value(node.outputs[0]).type != DataType::kFp32) continue;
      if (node.op_type == "Pow") SimplifyPow(node);
      if (node.op_type == "Add") RecoverLayerNorm(node);
    }
  }

 private:
  void SimplifyPow(Node& node) {
    const ValueId x = node.inputs[0];
    if (graph().value(x).shape != graph().value(node.outputs[0]).shape) return;
    if (IsScalar(node.inputs[1], 2)) return Become(node, "Mul", {x, x});
    if (IsScalar(node.inputs[1], 0.5)) return Become(node, "Sqrt", {x});
    if (IsScalar(node.inputs[1], 1)) return Become(node, "Identity", {x});
  }

  /// ReduceMean over the last axis that keeps it; the value it is taken of.
  ValueId MeanOfRows(ValueId value) const {
    const Node* mean = Producer(value, "ReduceMean");
    if (mean == nullptr || mean->attributes.Int("keepdims", 1) == 0 || !mean->HasInput(1)) {
      return kNoValue;
    }
    const ConstantRef& axes = graph().value(mean->inputs[1]).constant;
    if (axes == nullptr || axes->shape().elements() != 1) return kNoValue;
    const auto rank = static_cast<double>(graph().value(mean->inputs[0]).shape.size());
    const auto axis = Scalar(mean->inputs[1]);
    return axis == -1.0 || axis == rank - 1 ? mean->inputs[0] : kNoValue;
  }

  /// The value whose square `value` is.
  ValueId SquareOf(ValueId value) const {
    const Node* product = Producer(value, "Mul");
    return product != nullptr && product->inputs[0] == product->inputs[1] ? product->inputs[0]
                                                                          : kNoValue;
  }

  struct Normalised {
    ValueId x = kNoValue;
    float epsilon = 0;
  };

  /// (x - mean) / sqrt(mean((x - mean)^2) + epsilon)
  std::optional<Normalised> NormalisedRows(ValueId value) const {
    const Node* quotient = Producer(value, "Div");
    if (quotient == nullptr) return std::nullopt;
    const ValueId centred = quotient->inputs[0];
    const Node* difference = Producer(centred, "Sub");
    const Node* root = Producer(quotient->inputs[1], "Sqrt");
    if (difference == nullptr || root == nullptr) return std::nullopt;
    if (MeanOfRows(difference->inputs[1]) != difference->inputs[0]) return std::nullopt;
    const Node* sum = Producer(root->inputs[0], "Add");
    if (sum == nullptr) return std::nullopt;
    const bool first = Scalar(sum->inputs[0]).has_value();
    const auto epsilon = Scalar(sum->inputs[first ? 0 : 1]);
    const ValueId square = MeanOfRows(sum->inputs[first ? 1 : 0]);
    if (!epsilon || square == kNoValue || SquareOf(square) != centred) return std::nullopt;
    return Normalised{difference->inputs[0], static_cast<float>(*epsilon)};
  }

  /// True for a constant with one value for each element of a row of `x`.
  bool IsRowConstant(ValueId value, ValueId x) const {
    const ConstantRef& constant = graph().value(value).constant;
    const SymbolicShape& shape = graph().value(x).shape;
    return constant != nullptr && constant->shape().rank() == 1 && !shape.empty() &&
           shape.back() == Dim(constant->shape()[0]);
  }

  /// normalised * scale + bias
  void RecoverLayerNorm(Node& node) {
    for (const ValueId scaled : node.inputs) {
      const ValueId bias = Other(node, scaled);
      const Node* product = Producer(scaled, "Mul");
      if (product == nullptr) continue;
      for (const ValueId rows : product->inputs) {
        const ValueId scale = Other(*product, rows);
        const auto normalised = NormalisedRows(rows);
        if (!normalised || !IsRowConstant(scale, normalised->x)) continue;
        if (!IsRowConstant(bias, normalised->x)) continue;
        const Normalised found = *normalised;
        Become(node, "LayerNormalization", {found.x, scale, bias});
        node.attributes.Set("axis", std::int64_t{-1});
        node.attributes.Set("epsilon", found.epsilon);
        return;
      }
    }
  }
};

}  // namespace

base::Status RecoverPatterns(Graph& graph, const PassContext&) {
  Recoverer(graph).Run();
  return EliminateDead(graph, {});
}

}  // namespace hadron::graph
