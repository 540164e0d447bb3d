// Softmax and LogSoftmax. Before opset 13 they work on everything from `axis` on as one row; the
// legalised node says so with the attribute `hadron_flatten` = 1, which no file can carry.
#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;

Status InferSoftmax(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  const bool flatten = c.attributes().Int("hadron_flatten", 0) != 0;
  const std::int64_t axis = c.attributes().Int("axis", -1);
  const std::int64_t rank = c.rank(0);
  // The flattening form allows axis == rank: rows of one element.
  if (rank > 0 && !(flatten && axis == rank)) HADRON_RETURN_IF_ERROR(c.Axis(axis, rank).status());
  c.SetOutput(0, c.type(0), c.shape(0));
  return {};
}

Status LegaliseSoftmax(Graph&, Node& node) {
  if (node.since_version >= 13) return {};
  node.attributes.Set("axis", node.attributes.Int("axis", 1));
  node.attributes.Set("hadron_flatten", std::int64_t{1});
  return {};
}

OpSchema Schema(std::string_view name) {
  return {.name = name,
          .versions = {1, 11, 13},
          .attributes = {{"axis", AttributeType::kInt}},
          .infer = InferSoftmax,
          .legalise = LegaliseSoftmax};
}

}  // namespace

void RegisterSoftmax(OpRegistry& registry) {
  registry.Add(Schema("Softmax"));
  registry.Add(Schema("LogSoftmax"));
}

}  // namespace hadron::graph
