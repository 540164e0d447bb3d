#include "graph/infer.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/op_schema.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

bool Trackable(DataType type) {
  return type == DataType::kInt64 || type == DataType::kInt32 || type == DataType::kBool;
}

std::optional<std::vector<Dim>> ConstantElements(const Constant& constant) {
  if (!Trackable(constant.type())) return std::nullopt;
  if (constant.shape().elements() > kMaxTrackedElements) return std::nullopt;
  auto ints = constant.Ints();
  if (!ints.ok()) return std::nullopt;
  return std::vector<Dim>(ints->begin(), ints->end());
}

StatusOr<std::vector<ValueFacts>> Infer(Graph& graph,
                                        const std::vector<tensor::Shape>* input_shapes) {
  std::vector<ValueFacts> facts(graph.value_count());
  for (std::size_t i = 0; i < graph.value_count(); ++i) {
    const Value& value = graph.value(static_cast<ValueId>(i));
    if (value.constant == nullptr) continue;
    facts[i] = {value.type, value.shape, ConstantElements(*value.constant)};
  }
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    const Value& value = graph.value(graph.inputs()[i]);
    facts[graph.inputs()[i]] = {
        value.type, input_shapes == nullptr ? value.shape : ToSymbolic((*input_shapes)[i]), {}};
  }
  for (const Node& node : graph.nodes()) {
    if (node.schema == nullptr || node.schema->infer == nullptr) {
      return base::Unimplemented(fmt::format("{}: operator is not supported", node.Label()));
    }
    InferContext context(graph, node, facts);
    HADRON_RETURN_IF_ERROR(node.schema->infer(context));
  }
  return facts;
}

Status RequireKnown(const Graph& graph, const std::vector<ValueFacts>& facts) {
  for (const Node& node : graph.nodes()) {
    for (const ValueId id : node.outputs) {
      if (id == kNoValue || FullyKnown(facts[id].shape)) continue;
      return base::Unimplemented(
          fmt::format("{}: the shape {} of its output '{}' depends on the data", node.Label(),
                      ToString(facts[id].shape), graph.value(id).name));
    }
  }
  return {};
}

}  // namespace

InferContext::InferContext(Graph& graph, const Node& node, std::vector<ValueFacts>& facts)
    : graph_(graph), node_(node), facts_(facts) {}

const std::vector<Dim>* InferContext::elements(std::size_t i) const {
  if (!has_input(i)) return nullptr;
  const auto& elements = facts_[node_.inputs[i]].elements;
  return elements ? &*elements : nullptr;
}

std::optional<std::vector<std::int64_t>> InferContext::ints(std::size_t i) const {
  const std::vector<Dim>* dims = elements(i);
  if (dims == nullptr || !FullyKnown(*dims)) return std::nullopt;
  std::vector<std::int64_t> values;
  values.reserve(dims->size());
  for (const Dim& dim : *dims) values.push_back(dim.value());
  return values;
}

const Constant* InferContext::constant(std::size_t i) const {
  return has_input(i) ? graph_.value(node_.inputs[i]).constant.get() : nullptr;
}

void InferContext::SetOutput(std::size_t i, DataType type, SymbolicShape shape) {
  if (node_.HasOutput(i)) facts_[node_.outputs[i]] = {type, std::move(shape), {}};
}

void InferContext::SetElements(std::size_t i, std::vector<Dim> elements) {
  if (!node_.HasOutput(i)) return;
  if (static_cast<std::int64_t>(elements.size()) > kMaxTrackedElements) return;
  ValueFacts& facts = facts_[node_.outputs[i]];
  // Whoever reads elements may index them by the shape, so the two must agree.
  const auto count = Elements(facts.shape);
  if (!count || *count != Dim(static_cast<std::int64_t>(elements.size()))) return;
  facts.elements = std::move(elements);
}

Status InferContext::Invalid(std::string_view text) const {
  return base::InvalidArgument(fmt::format("{}: {}", node_.Label(), text));
}

Status InferContext::Unsupported(std::string_view text) const {
  return base::Unimplemented(fmt::format("{}: {}", node_.Label(), text));
}

Status InferContext::RequireType(std::size_t i, std::initializer_list<DataType> types) const {
  if (std::ranges::find(types, type(i)) != types.end()) return {};
  return Unsupported(fmt::format("type {} of input {} ('{}') is not supported",
                                 tensor::DataTypeName(type(i)), i,
                                 graph_.value(node_.inputs[i]).name));
}

Status InferContext::RequireSameType(std::size_t a, std::size_t b) const {
  if (type(a) == type(b)) return {};
  return Invalid(fmt::format("inputs {} and {} have different types {} and {}", a, b,
                             tensor::DataTypeName(type(a)), tensor::DataTypeName(type(b))));
}

StatusOr<std::int64_t> InferContext::Axis(std::int64_t axis, std::int64_t rank) const {
  if (axis < -rank || axis >= rank) {
    return Invalid(fmt::format("axis {} is out of range [{}, {}]", axis, -rank, rank - 1));
  }
  return axis < 0 ? axis + rank : axis;
}

StatusOr<SymbolicShape> InferContext::Broadcast(const SymbolicShape& a,
                                                const SymbolicShape& b) const {
  SymbolicShape out(std::max(a.size(), b.size()), Dim(1));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Dim da = i < a.size() ? a[a.size() - 1 - i] : Dim(1);
    const Dim db = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    Dim& to = out[out.size() - 1 - i];
    if (da == db || db == Dim(1)) {
      to = da;
    } else if (da == Dim(1)) {
      to = db;
    } else if (da.known() && db.known()) {
      return Invalid(
          fmt::format("shapes {} and {} cannot be broadcast together", ToString(a), ToString(b)));
    } else {
      // A symbol against a number: the number wins, a run with another size fails in resolving.
      to = da.known() ? da : db;
    }
  }
  return out;
}

StatusOr<std::vector<ValueFacts>> InferFacts(Graph& graph) { return Infer(graph, nullptr); }

StatusOr<std::vector<ValueFacts>> ResolveFacts(const Graph& graph,
                                               const std::vector<tensor::Shape>& input_shapes) {
  HADRON_CHECK(input_shapes.size() == graph.inputs().size());
  // Inference only adds fresh symbols, which must not show in the shared graph.
  Graph scratch = graph.Clone();
  HADRON_ASSIGN_OR_RETURN(auto facts, Infer(scratch, &input_shapes));
  HADRON_RETURN_IF_ERROR(RequireKnown(graph, facts));
  return facts;
}

Status InferShapes(Graph& graph) {
  HADRON_ASSIGN_OR_RETURN(auto facts, InferFacts(graph));
  for (std::size_t i = 0; i < facts.size(); ++i) {
    Value& value = graph.value(static_cast<ValueId>(i));
    if (facts[i].type == DataType::kInvalid) continue;
    value.type = facts[i].type;
    value.shape = std::move(facts[i].shape);
  }
  return {};
}

}  // namespace hadron::graph
