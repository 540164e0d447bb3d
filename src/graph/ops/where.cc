// Where: the second input where the condition holds, else the third.
#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;

void FollowElements(InferContext& c) {
  const auto condition = c.ints(0);
  const auto* yes = c.elements(1);
  const auto* no = c.elements(2);
  if (!condition || yes == nullptr || no == nullptr) return;
  if (c.rank(0) > 1 || c.rank(1) > 1 || c.rank(2) > 1) return;
  if (condition->empty() || yes->empty() || no->empty()) return;
  const std::size_t count = std::max({condition->size(), yes->size(), no->size()});
  const auto at = [](const auto& values, std::size_t i) -> const auto& {
    return values[values.size() == 1 ? 0 : i];
  };
  std::vector<Dim> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(at(*condition, i) != 0 ? at(*yes, i) : at(*no, i));
  }
  c.SetElements(0, std::move(out));
}

Status InferWhere(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, {tensor::DataType::kBool}));
  HADRON_RETURN_IF_ERROR(c.RequireSameType(1, 2));
  HADRON_ASSIGN_OR_RETURN(const SymbolicShape both, c.Broadcast(c.shape(1), c.shape(2)));
  HADRON_ASSIGN_OR_RETURN(SymbolicShape y, c.Broadcast(c.shape(0), both));
  HADRON_RETURN_IF_ERROR(SetOutput(c, 0, c.type(1), std::move(y)));
  FollowElements(c);
  return {};
}

}  // namespace

void RegisterWhere(OpRegistry& registry) {
  registry.Add({.name = "Where",
                .versions = {9, 16},
                .min_inputs = 3,
                .max_inputs = 3,
                .infer = InferWhere});
}

}  // namespace hadron::graph
