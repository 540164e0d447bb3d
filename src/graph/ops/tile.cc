// Tile: a tensor repeated along its axes.
#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;

Status InferTile(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(1, {tensor::DataType::kInt64}));
  HADRON_RETURN_IF_ERROR(RequireVector(c, 1, Dim(c.rank(0))));
  SymbolicShape y = c.shape(0);
  const auto* repeats = c.elements(1);
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (repeats == nullptr) {
      y[i] = c.NewSymbol();
      continue;
    }
    const Dim& repeat = (*repeats)[i];
    if (repeat.known() && repeat.value() < 0) {
      return c.Invalid(fmt::format("{} repeats are not possible", repeat.value()));
    }
    const auto dim = y[i].Times(repeat);
    if (!dim) return c.Invalid(fmt::format("the output's dimension {} overflows", i));
    y[i] = *dim;
  }
  return SetOutput(c, 0, c.type(0), std::move(y));
}

}  // namespace

void RegisterTile(OpRegistry& registry) {
  registry.Add(
      {.name = "Tile", .versions = {6, 13}, .min_inputs = 2, .max_inputs = 2, .infer = InferTile});
}

}  // namespace hadron::graph
