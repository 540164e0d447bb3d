// Dropout: a copy at inference, with a mask of ones if somebody asks.
#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

/// True only if input `i` is known to be zero (or absent).
bool KnownZero(const InferContext& c, std::size_t i) {
  if (!c.has_input(i)) return true;
  const Constant* constant = c.constant(i);
  if (constant == nullptr) return false;
  const auto values = constant->Doubles();
  return values.ok() && values->size() == 1 && (*values)[0] == 0;
}

Status InferDropout(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  const bool drops_nothing = c.has_input(1) && KnownZero(c, 1);
  if (!KnownZero(c, 2) && !drops_nothing) {
    return c.Unsupported("'training_mode' must be false: export for inference");
  }
  c.SetOutput(0, c.type(0), c.shape(0));
  c.SetOutput(1, DataType::kBool, c.shape(0));
  return {};
}

Status LegaliseDropout(Graph& graph, Node& node) {
  node.attributes.Erase("seed");
  if (node.since_version >= 12) return {};
  node.attributes.Erase("ratio");
  if (node.since_version >= 10 || !node.HasOutput(1)) return {};
  if (graph.UseCounts()[node.outputs[1]] > 0) {
    return base::Unimplemented(
        fmt::format("{}: the output 'mask' before opset 10 is not supported", node.Label()));
  }
  node.outputs.pop_back();
  return {};
}

}  // namespace

void RegisterDropout(OpRegistry& registry) {
  registry.Add({.name = "Dropout",
                .versions = {7, 10, 12, 13, 22},
                .max_inputs = 3,
                .max_outputs = 2,
                .attributes = {{"ratio", AttributeType::kFloat, false, 1, 11},
                               {"seed", AttributeType::kInt, false, 12}},
                .infer = InferDropout,
                .legalise = LegaliseDropout});
}

}  // namespace hadron::graph
