// Transpose: the axes in another order, reversed by default.
#include <fmt/format.h>

#include <numeric>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;

/// Known elements in the order of the permuted axes.
void FollowElements(InferContext& c, const SymbolicShape& x,
                    const std::vector<std::int64_t>& perm) {
  const auto* elements = c.elements(0);
  if (elements == nullptr || !FullyKnown(x)) return;
  std::vector<std::size_t> strides(x.size(), 1);
  for (std::size_t i = x.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * static_cast<std::size_t>(x[i].value());
  }
  std::vector<Dim> out;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    std::size_t rest = i;
    std::size_t from = 0;
    for (std::size_t axis = perm.size(); axis-- > 0;) {
      const auto source = static_cast<std::size_t>(perm[axis]);
      const auto size = static_cast<std::size_t>(x[source].value());
      from += rest % size * strides[source];
      rest /= size;
    }
    out.push_back((*elements)[from]);
  }
  c.SetElements(0, std::move(out));
}

Status InferTranspose(InferContext& c) {
  const SymbolicShape x = c.shape(0);
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
  FollowElements(c, x, perm);
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
