#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/attributes.h"
#include "graph/constant.h"
#include "graph/dim.h"
#include "tensor/data_type.h"

namespace hadron::graph {

struct OpSchema;

using ValueId = std::uint32_t;
inline constexpr ValueId kNoValue = UINT32_MAX;  ///< an optional input or output left out

/// One tensor of the graph, assigned once.
struct Value {
  std::string name;
  tensor::DataType type = tensor::DataType::kInvalid;
  SymbolicShape shape;
  ConstantRef constant;  ///< set for constants, else null
};

/// What a compute node does to its result before it is stored, in order. Post-ops come from fusion
/// passes; an operator implementation states which it can take. The channel axis is that of the
/// node (ChannelAxis): axis 1, but for matrix products the last.
struct PostOp {
  enum class Kind : std::uint8_t {
    kScale,      ///< y * operand[c] along the channel axis
    kShift,      ///< y + operand[c] along the channel axis
    kAdd,        ///< y + operand, same shape as y
    kRelu,       ///< max(y, 0)
    kLeakyRelu,  ///< y >= 0 ? y : a * y
    kClip,       ///< min(max(y, a), b)
    kSigmoid,
    kTanh,
    kSoftplus,
    kElu,          ///< y >= 0 ? y : a * (exp(y) - 1)
    kGelu,         ///< y * normal distribution function of y
    kGeluTanh,     ///< the same, approximated with tanh
    kSwish,        ///< y * sigmoid(a * y)
    kHardSigmoid,  ///< min(max(a * y + b, 0), 1)
    kHardSwish,    ///< y * min(max(a * y + b, 0), 1)
  };
  Kind kind;
  float a = 0;
  float b = 0;
  ValueId operand = kNoValue;
};

/// How listings call a kind, and how many of the numbers a and b it has.
struct PostOpInfo {
  std::string_view name;
  int numbers = 0;
};
const PostOpInfo& InfoOf(PostOp::Kind kind);

/// An operator applied to values. After legalisation `schema` is the canonical (newest) form and
/// `since_version` its version.
struct Node {
  std::string name;  ///< for messages; never empty after import ("Conv_12" if the file has none)
  std::string domain;
  std::string op_type;
  const OpSchema* schema = nullptr;  ///< null only for operators that are not implemented
  int since_version = 0;
  Attributes attributes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<PostOp> post_ops;

  bool HasInput(std::size_t i) const { return i < inputs.size() && inputs[i] != kNoValue; }
  bool HasOutput(std::size_t i) const { return i < outputs.size() && outputs[i] != kNoValue; }
  /// "node 'conv1' (Conv)": how messages call a node.
  std::string Label() const;
};

/// Axis of the channels in a result of this rank, for post-ops that have an operand per channel.
std::size_t ChannelAxis(const Node& node, std::size_t rank);

/// True when a post-op's operand per channel has one row for each matrix of a stack of products:
/// [S, 1, ..., 1, N] behind a result [S, ..., N], with a value for each of the S matrices and N
/// columns.
bool IsRowPerMatrix(const tensor::Shape& operand, const tensor::Shape& result);

/// A named end of the graph: outputs keep their name when passes replace the value behind them.
struct GraphOutput {
  std::string name;
  ValueId value = kNoValue;
};

/// A model as nodes in topological order over values assigned once. The loader builds it, passes
/// change it in place, `plan` reads it. Owner: CompiledModel's builder. Externally synchronised.
///
///     Graph g;
///     ValueId x = g.AddInput("x", DataType::kFp32, {g.Symbol("batch"), 8});
///     ValueId y = g.AddValue("y");
///     g.nodes().push_back({.name = "relu", .op_type = "Relu", .inputs = {x}, .outputs = {y}});
///     g.AddOutput("y", y);
class Graph {
 public:
  Graph() = default;
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  Graph Clone() const;

  ValueId AddValue(std::string name, tensor::DataType type = tensor::DataType::kInvalid,
                   SymbolicShape shape = {});
  ValueId AddConstant(std::string name, ConstantRef constant);
  ValueId AddInput(std::string name, tensor::DataType type, SymbolicShape shape);
  void AddOutput(std::string name, ValueId value);

  Value& value(ValueId id) { return values_[id]; }
  const Value& value(ValueId id) const { return values_[id]; }
  std::size_t value_count() const { return values_.size(); }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  std::vector<GraphOutput>& outputs() { return outputs_; }
  const std::vector<GraphOutput>& outputs() const { return outputs_; }
  std::vector<Node>& nodes() { return nodes_; }
  const std::vector<Node>& nodes() const { return nodes_; }

  /// The Dim of a named symbol; equal names are one symbol.
  Dim Symbol(std::string_view name);
  /// A Dim equal to no other.
  Dim FreshSymbol();
  /// Name of a symbol, "" for fresh ones.
  std::string_view SymbolName(SymbolId id) const { return symbol_names_[id]; }

  /// Index of the node that produces each value, or -1 (inputs, constants). By ValueId.
  std::vector<int> Producers() const;
  /// Number of readers of each value: node inputs, post-op operands and graph outputs.
  std::vector<int> UseCounts() const;
  /// Lets every reader of `from` read `to` instead.
  void ReplaceUses(ValueId from, ValueId to);
  /// Removes the nodes for which `dead[index]` is true; the order of the others stays.
  void EraseNodes(const std::vector<bool>& dead);

 private:
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<ValueId> inputs_;
  std::vector<GraphOutput> outputs_;
  std::vector<std::string> symbol_names_;
};

}  // namespace hadron::graph
