// Element-wise operators over any number of inputs: Min, Max, Sum, Mean; and Clip, whose bounds are
// inputs too.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

void FollowExtremes(InferContext& c) {
  std::vector<std::vector<std::int64_t>> inputs;
  std::size_t count = 1;
  for (std::size_t i = 0; i < c.input_count(); ++i) {
    const auto ints = c.ints(i);
    if (!ints || ints->empty() || c.rank(i) > 1) return;
    count = std::max(count, ints->size());
    inputs.push_back(*ints);
  }
  const bool most = c.node().op_type == "Max";
  std::vector<Dim> out;
  for (std::size_t k = 0; k < count; ++k) {
    std::int64_t value = inputs[0][inputs[0].size() == 1 ? 0 : k];
    for (const auto& input : inputs) {
      const std::int64_t next = input[input.size() == 1 ? 0 : k];
      value = most ? std::max(value, next) : std::min(value, next);
    }
    out.emplace_back(value);
  }
  c.SetElements(0, std::move(out));
}

Status SetBroadcastOfAll(InferContext& c) {
  SymbolicShape shape = c.shape(0);
  for (std::size_t i = 1; i < c.input_count(); ++i) {
    HADRON_RETURN_IF_ERROR(RequireInput(c, i, "data"));
    HADRON_RETURN_IF_ERROR(c.RequireSameType(0, i));
    HADRON_ASSIGN_OR_RETURN(shape, c.Broadcast(shape, c.shape(i)));
  }
  return SetOutput(c, 0, c.type(0), std::move(shape));
}

Status InferExtreme(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  HADRON_RETURN_IF_ERROR(SetBroadcastOfAll(c));
  FollowExtremes(c);
  return {};
}

Status InferSum(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  return SetBroadcastOfAll(c);
}

Status InferClip(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  for (std::size_t i = 1; i < 3; ++i) {
    if (!c.has_input(i)) continue;
    // Old files give the bounds as float attributes whatever the type of the data.
    if (!(tensor::IsFloating(c.type(0)) && c.type(i) == DataType::kFp32)) {
      HADRON_RETURN_IF_ERROR(c.RequireSameType(0, i));
    }
    const auto count = Elements(c.shape(i));
    if (!count || (count->known() && *count != Dim(1))) {
      return c.Invalid(fmt::format("bound {} of shape {} is no scalar", i, ToString(c.shape(i))));
    }
  }
  c.SetOutput(0, c.type(0), c.shape(0));
  return {};
}

Status LegaliseClip(Graph& graph, Node& node) {
  if (node.since_version >= 11) return {};
  for (const auto& [name, input] : {std::pair{"min", 1}, std::pair{"max", 2}}) {
    if (!node.attributes.Has(name)) continue;
    const float bound = node.attributes.Float(name, 0);
    SetInput(node, static_cast<std::size_t>(input), AddFloats(graph, node, name, {&bound, 1}, {}));
    node.attributes.Erase(name);
  }
  return {};
}

}  // namespace

void RegisterVariadic(OpRegistry& registry) {
  const auto add = [&registry](std::string_view name, std::vector<int> versions,
                               OpSchema::Infer infer) {
    registry.Add(
        {.name = name, .versions = std::move(versions), .max_inputs = kVariadic, .infer = infer});
  };
  add("Min", {6, 8, 12, 13}, InferExtreme);
  add("Max", {6, 8, 12, 13}, InferExtreme);
  add("Sum", {6, 8, 13}, InferSum);
  add("Mean", {6, 8, 13}, InferSum);
  registry.Add({.name = "Clip",
                .versions = {6, 11, 12, 13},
                .max_inputs = 3,
                .attributes = {{"min", AttributeType::kFloat, false, 1, 10},
                               {"max", AttributeType::kFloat, false, 1, 10}},
                .infer = InferClip,
                .legalise = LegaliseClip});
}

}  // namespace hadron::graph
