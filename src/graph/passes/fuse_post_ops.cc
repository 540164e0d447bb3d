// Element-wise work behind a convolution or matrix product becomes part of it: activations,
// residual additions, and normalisations that could not be folded into weights.
#include <cmath>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

using base::IoBuf;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;

constexpr std::size_t kMaxPostOps = 8;

bool IsFusionRoot(const Node& node) {
  return node.domain.empty() && (node.op_type == "Conv" || node.op_type == "ConvTranspose" ||
                                 node.op_type == "Gemm" || node.op_type == "MatMul");
}

/// Value of a scalar constant input, `missing` when there is none, nothing when it is computed.
std::optional<float> ScalarInput(const Graph& graph, const Node& node, std::size_t i,
                                 float missing) {
  if (!node.HasInput(i)) return missing;
  const ConstantRef& constant = graph.value(node.inputs[i]).constant;
  if (constant == nullptr || constant->shape().elements() != 1) return std::nullopt;
  const auto values = constant->Doubles();
  if (!values.ok()) return std::nullopt;
  return static_cast<float>((*values)[0]);
}

/// A number of an activation: an attribute with its default, or fixed without one.
struct Number {
  const char* attribute = nullptr;
  float value = 0;
};

struct ActivationRow {
  std::string_view op_type;
  PostOp::Kind kind;
  Number a = {};
  Number b = {};
};
constexpr ActivationRow kActivations[] = {
    {"Relu", PostOp::Kind::kRelu},
    {"LeakyRelu", PostOp::Kind::kLeakyRelu, {"alpha", 0.01F}},
    {"Sigmoid", PostOp::Kind::kSigmoid},
    {"Tanh", PostOp::Kind::kTanh},
    {"Softplus", PostOp::Kind::kSoftplus},
    {"Elu", PostOp::Kind::kElu, {"alpha", 1}},
    {"Gelu", PostOp::Kind::kGelu},
    {"Swish", PostOp::Kind::kSwish, {"alpha", 1}},
    {"HardSigmoid", PostOp::Kind::kHardSigmoid, {"alpha", 0.2F}, {"beta", 0.5F}},
    {"HardSwish", PostOp::Kind::kHardSwish, {nullptr, 1.0F / 6}, {nullptr, 0.5F}},
};

float ValueOf(const Number& number, const Node& node) {
  if (number.attribute == nullptr) return number.value;
  return node.attributes.Float(number.attribute, number.value);
}

std::optional<PostOp> Activation(const Graph& graph, const Node& node) {
  using Kind = PostOp::Kind;
  if (node.op_type == "Gelu" && node.attributes.String("approximate", "none") != "none") {
    return PostOp{Kind::kGeluTanh};
  }
  for (const ActivationRow& row : kActivations) {
    if (row.op_type == node.op_type) {
      return PostOp{row.kind, ValueOf(row.a, node), ValueOf(row.b, node)};
    }
  }
  if (node.op_type != "Clip") return std::nullopt;
  const auto low = ScalarInput(graph, node, 1, std::numeric_limits<float>::lowest());
  const auto high = ScalarInput(graph, node, 2, std::numeric_limits<float>::max());
  if (!low || !high || *low > *high) return std::nullopt;
  return PostOp{Kind::kClip, *low, *high};
}

/// BatchNormalization as y * scale[c] + shift[c], the two computed in double.
std::vector<PostOp> Normalisation(Graph& graph, const Node& norm) {
  std::vector<ConstantRef> statistics;
  for (std::size_t i = 1; i <= 4; ++i) {
    const ConstantRef constant = norm.HasInput(i) ? graph.value(norm.inputs[i]).constant : nullptr;
    if (constant == nullptr || constant->type() != DataType::kFp32) return {};
    statistics.push_back(constant);
  }
  const auto epsilon = static_cast<double>(norm.attributes.Float("epsilon", 1e-5F));
  const auto make = [&](const char* suffix, bool shift) {
    auto expression = [epsilon, shift](std::span<const HostTensor> s) -> StatusOr<IoBuf> {
      const auto scale = base::AsArray<float>(s[0].bytes.bytes());
      const auto bias = base::AsArray<float>(s[1].bytes.bytes());
      const auto mean = base::AsArray<float>(s[2].bytes.bytes());
      const auto variance = base::AsArray<float>(s[3].bytes.bytes());
      std::vector<float> out(scale.size());
      for (std::size_t c = 0; c < out.size(); ++c) {
        const double factor =
            static_cast<double>(scale[c]) / std::sqrt(static_cast<double>(variance[c]) + epsilon);
        const double moved = static_cast<double>(bias[c]) - static_cast<double>(mean[c]) * factor;
        out[c] = static_cast<float>(shift ? moved : factor);
      }
      return IoBuf::Copy(std::as_bytes(std::span(out)));
    };
    const std::string name = graph.value(norm.inputs[1]).name + suffix;
    return graph.AddConstant(
        name, Constant::Deferred({name, DataType::kFp32, statistics[0]->shape()}, statistics,
                                 std::move(expression)));
  };
  const ValueId scale = make("/scale", false);
  const ValueId shift = make("/shift", true);
  return {PostOp{PostOp::Kind::kScale, 0, 0, scale}, PostOp{PostOp::Kind::kShift, 0, 0, shift}};
}

class Fuser {
 public:
  Fuser(Graph& graph, const PassContext& context)
      : graph_(graph),
        context_(context),
        producers_(graph.Producers()),
        uses_(graph.UseCounts()),
        dead_(graph.nodes().size(), false) {}

  void Run() {
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) Visit(i);
    graph_.EraseNodes(dead_);
  }

 private:
  /// The root whose result is `value` and nobody else's, or null.
  Node* RootOf(ValueId value) {
    if (value == kNoValue || value >= producers_.size()) return nullptr;
    if (producers_[value] < 0 || uses_[value] != 1) return nullptr;
    Node& node = graph_.nodes()[static_cast<std::size_t>(producers_[value])];
    const bool root = IsFusionRoot(node) && node.outputs[0] == value;
    return root && graph_.value(value).type == DataType::kFp32 ? &node : nullptr;
  }

  void Visit(std::size_t index) {
    const Node& node = graph_.nodes()[index];
    if (!node.domain.empty() || !node.post_ops.empty() || node.inputs.empty()) return;
    if (node.op_type == "Add") return VisitAdd(index);
    Node* root = RootOf(node.inputs[0]);
    if (root == nullptr) return;
    if (const auto activation = Activation(graph_, node))
      return Attach(*root, index, {*activation});
    if (node.op_type == "BatchNormalization" && root->op_type != "MatMul") {
      const auto post_ops = Normalisation(graph_, node);
      if (!post_ops.empty()) Attach(*root, index, post_ops);
    }
  }

  /// A residual addition joins the later of its two producers: the other operand is there by then.
  void VisitAdd(std::size_t index) {
    const Node& add = graph_.nodes()[index];
    const ValueId a = add.inputs[0];
    const ValueId b = add.inputs[1];
    if (graph_.value(a).constant != nullptr) return AttachBias(index, b, a);
    if (graph_.value(b).constant != nullptr) return AttachBias(index, a, b);
    if (a == b || graph_.value(a).shape != graph_.value(b).shape) return;
    const bool b_later = producers_[b] > producers_[a];
    const ValueId later = b_later ? b : a;
    Node* root = RootOf(later);
    if (root == nullptr) return;
    Attach(*root, index, {PostOp{PostOp::Kind::kAdd, 0, 0, b_later ? a : b}});
  }

  /// A constant row behind a matrix product is its bias.
  void AttachBias(std::size_t index, ValueId product, ValueId bias) {
    Node* root = RootOf(product);
    if (root == nullptr || (root->op_type != "MatMul" && root->op_type != "Gemm")) return;
    const tensor::Shape& shape = graph_.value(bias).constant->shape();
    const SymbolicShape& y = graph_.value(product).shape;
    if (shape.rank() != 1 || y.size() < 2 || y.back() != Dim(shape[0])) return;
    Attach(*root, index, {PostOp{PostOp::Kind::kShift, 0, 0, bias}});
  }

  void Attach(Node& root, std::size_t index, const std::vector<PostOp>& post_ops) {
    if (root.post_ops.size() + post_ops.size() > kMaxPostOps) return;
    for (const PostOp& op : post_ops) {
      if (!context_.can_fuse(root, op)) return;
    }
    root.post_ops.insert(root.post_ops.end(), post_ops.begin(), post_ops.end());
    const ValueId result = graph_.nodes()[index].outputs[0];
    producers_[result] = producers_[root.outputs[0]];
    root.outputs[0] = result;
    dead_[index] = true;
  }

  Graph& graph_;
  const PassContext& context_;
  std::vector<int> producers_;
  std::vector<int> uses_;
  std::vector<bool> dead_;
};

}  // namespace

base::Status FusePostOps(Graph& graph, const PassContext& context) {
  if (context.can_fuse) Fuser(graph, context).Run();
  return {};
}

}  // namespace hadron::graph
