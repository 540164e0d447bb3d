#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"

namespace hadron::graph {

/// What inference knows of a value: type, shape, and, for small integer tensors that steer shapes,
/// the elements themselves (row-major), each a Dim.
struct ValueFacts {
  tensor::DataType type = tensor::DataType::kInvalid;
  SymbolicShape shape;
  std::optional<std::vector<Dim>> elements;
};

/// Largest tensor whose elements inference follows.
inline constexpr std::int64_t kMaxTrackedElements = 1024;

/// What an operator's Infer function sees and sets. Lives for one call.
class InferContext {
 public:
  InferContext(Graph& graph, const Node& node, std::vector<ValueFacts>& facts);

  const Node& node() const { return node_; }
  const Attributes& attributes() const { return node_.attributes; }
  std::size_t input_count() const { return node_.inputs.size(); }
  bool has_input(std::size_t i) const { return node_.HasInput(i); }
  tensor::DataType type(std::size_t i) const { return facts_[node_.inputs[i]].type; }
  const SymbolicShape& shape(std::size_t i) const { return facts_[node_.inputs[i]].shape; }
  std::int64_t rank(std::size_t i) const { return static_cast<std::int64_t>(shape(i).size()); }
  /// Elements of a small integer input, null when they are not known.
  const std::vector<Dim>* elements(std::size_t i) const;
  /// The elements as numbers; nothing unless all are known.
  std::optional<std::vector<std::int64_t>> ints(std::size_t i) const;
  /// The constant behind an input, null when it is computed.
  const Constant* constant(std::size_t i) const;

  void SetOutput(std::size_t i, tensor::DataType type, SymbolicShape shape);
  /// Follows the elements of output i, which must have been set; ignored when too many, or when
  /// the shape does not say that there are as many.
  void SetElements(std::size_t i, std::vector<Dim> elements);
  Dim NewSymbol() { return graph_.FreshSymbol(); }

  /// INVALID_ARGUMENT / UNIMPLEMENTED with "node 'x' (Op): " before the text.
  base::Status Invalid(std::string_view text) const;
  base::Status Unsupported(std::string_view text) const;
  /// OK when input i has one of the types; `what` names the input in the message.
  base::Status RequireType(std::size_t i, std::initializer_list<tensor::DataType> types) const;
  base::Status RequireSameType(std::size_t a, std::size_t b) const;
  /// Normalises an axis in [-rank, rank) to [0, rank).
  base::StatusOr<std::int64_t> Axis(std::int64_t axis, std::int64_t rank) const;
  /// numpy broadcasting of two shapes. Two different symbols, or a symbol and a number above 1,
  /// are taken as equal (checked when the shapes are resolved).
  base::StatusOr<SymbolicShape> Broadcast(const SymbolicShape& a, const SymbolicShape& b) const;

 private:
  Graph& graph_;
  const Node& node_;
  std::vector<ValueFacts>& facts_;
};

/// Facts of every value, by ValueId, inferred from the graph's inputs and constants. With
/// `input_shapes` (one per graph input, fully known) the shapes are resolved for those inputs: the
/// result has numbers everywhere, or the call fails with the node that prevents it.
/// INVALID_ARGUMENT for what the model or the inputs get wrong.
base::StatusOr<std::vector<ValueFacts>> InferFacts(Graph& graph);
base::StatusOr<std::vector<ValueFacts>> ResolveFacts(
    const Graph& graph, const std::vector<tensor::Shape>& input_shapes);

/// Runs InferFacts and stores types and shapes in the graph's values.
base::Status InferShapes(Graph& graph);

}  // namespace hadron::graph
