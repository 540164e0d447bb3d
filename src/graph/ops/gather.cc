// Gather: slices of a tensor along an axis, picked by index.
#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;

/// Indices that are known at load are checked at load.
Status CheckIndices(const InferContext& c, const Dim& size) {
  const auto* indices = c.elements(1);
  if (indices == nullptr || !size.known()) return {};
  for (const Dim& index : *indices) {
    if (!index.known()) continue;
    if (index.value() >= -size.value() && index.value() < size.value()) continue;
    return c.Invalid(fmt::format("index {} is out of range [{}, {}]", index.value(), -size.value(),
                                 size.value() - 1));
  }
  return {};
}

void FollowElements(InferContext& c) {
  const auto* elements = c.elements(0);
  const auto indices = c.ints(1);
  if (elements == nullptr || !indices || c.rank(0) != 1) return;
  const auto size = static_cast<std::int64_t>(elements->size());
  std::vector<Dim> out;
  for (const std::int64_t index : *indices) {
    out.push_back((*elements)[static_cast<std::size_t>(index < 0 ? index + size : index)]);
  }
  c.SetElements(0, std::move(out));
}

Status InferGather(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(1, kIndexTypes));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 1, INT32_MAX));
  HADRON_ASSIGN_OR_RETURN(const std::int64_t axis,
                          c.Axis(c.attributes().Int("axis", 0), c.rank(0)));
  const SymbolicShape& x = c.shape(0);
  const SymbolicShape& indices = c.shape(1);
  HADRON_RETURN_IF_ERROR(CheckIndices(c, x[static_cast<std::size_t>(axis)]));
  SymbolicShape y(x.begin(), x.begin() + axis);
  y.insert(y.end(), indices.begin(), indices.end());
  y.insert(y.end(), x.begin() + axis + 1, x.end());
  HADRON_RETURN_IF_ERROR(SetOutput(c, 0, c.type(0), std::move(y)));
  FollowElements(c);
  return {};
}

}  // namespace

void RegisterGather(OpRegistry& registry) {
  registry.Add({.name = "Gather",
                .versions = {1, 11, 13},
                .min_inputs = 2,
                .max_inputs = 2,
                .attributes = {{"axis", AttributeType::kInt}},
                .infer = InferGather});
}

}  // namespace hadron::graph
