// Transpose: the axes in another order, reversed by default.
#include <fmt/format.h>

#include <numeric>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;

Status InferTranspose(InferContext& c) {
  const SymbolicShape& x = c.shape(0);
  std::vector<std::int64_t> perm(x.size());
  std::iota(perm.rbegin(), perm.rend(), 0);
  perm = c.attributes().Ints("perm", perm);
  if (perm.size() != x.size()) {
    return c.Invalid(fmt::format("attribute 'perm' has {} entries, the input {} has rank {}",
                                 perm.size(), ToString(x), x.size()));
  }
  std::vector<bool> seen(x.size(), false);
  SymbolicShape y;
  for (const std::int64_t axis : perm) {
    const bool inside = axis >= 0 && axis < c.rank(0);
    if (!inside || seen[static_cast<std::size_t>(axis)]) {
      return c.Invalid(fmt::format("attribute 'perm' is no permutation of 0..{}", c.rank(0) - 1));
    }
    seen[static_cast<std::size_t>(axis)] = true;
    y.push_back(x[static_cast<std::size_t>(axis)]);
  }
  c.SetOutput(0, c.type(0), std::move(y));
  if (const auto* elements = c.elements(0); elements != nullptr && x.size() < 2) {
    c.SetElements(0, *elements);
  }
  return {};
}

}  // namespace

void RegisterTranspose(OpRegistry& registry) {
  registry.Add({.name = "Transpose",
                .versions = {1, 13, 21, 23, 24, 25},
                .attributes = {{"perm", AttributeType::kInts}},
                .infer = InferTranspose});
}

}  // namespace hadron::graph
