// Concat joins tensors along an axis, Split takes one apart.
#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;

/// Joins what is known of 1-D integer inputs; single unknown elements become symbols.
void FollowConcat(InferContext& c) {
  std::vector<Dim> out;
  for (std::size_t i = 0; i < c.input_count(); ++i) {
    if (const auto* elements = c.elements(i)) {
      out.insert(out.end(), elements->begin(), elements->end());
      continue;
    }
    const Dim& size = c.shape(i)[0];
    if (!size.known() || size.value() > 64) return;
    for (std::int64_t k = 0; k < size.value(); ++k) out.push_back(c.NewSymbol());
  }
  c.SetElements(0, std::move(out));
}

Status InferConcat(InferContext& c) {
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 1, INT32_MAX));
  HADRON_ASSIGN_OR_RETURN(const std::int64_t normal,
                          c.Axis(c.attributes().Int("axis", 1), c.rank(0)));
  const auto axis = static_cast<std::size_t>(normal);
  SymbolicShape y = c.shape(0);
  for (std::size_t i = 1; i < c.input_count(); ++i) {
    if (!c.has_input(i)) return c.Invalid(fmt::format("input {} is missing", i));
    HADRON_RETURN_IF_ERROR(c.RequireSameType(0, i));
    HADRON_RETURN_IF_ERROR(RequireRank(c, i, c.rank(0), c.rank(0)));
    const SymbolicShape& x = c.shape(i);
    for (std::size_t k = 0; k < x.size(); ++k) {
      if (k == axis) {
        const auto sum = Sum(y[k], x[k]);
        y[k] = sum ? *sum : c.NewSymbol();
      } else {
        HADRON_RETURN_IF_ERROR(
            RequireEqual(c, x[k], y[k], fmt::format("dimension {} of input {}", k, i)));
        y[k] = Known(y[k], x[k]);
      }
    }
  }
  const bool track = y.size() == 1 && (c.type(0) == tensor::DataType::kInt64 ||
                                       c.type(0) == tensor::DataType::kInt32);
  HADRON_RETURN_IF_ERROR(SetOutput(c, 0, c.type(0), std::move(y)));
  if (track) FollowConcat(c);
  return {};
}

/// Sizes from input 1, which must add up to `size` where that is known.
StatusOr<std::vector<Dim>> GivenSizes(InferContext& c, const Dim& size) {
  HADRON_ASSIGN_OR_RETURN(const auto sizes, RequireInts(c, 1, "split"));
  if (sizes.size() != c.node().outputs.size()) {
    return c.Invalid(
        fmt::format("{} sizes are given for {} outputs", sizes.size(), c.node().outputs.size()));
  }
  std::int64_t sum = 0;
  for (const std::int64_t part : sizes) {
    const auto next = base::CheckedAdd(sum, part);
    if (part < 0 || !next) return c.Invalid(fmt::format("a size of {} is not allowed", part));
    sum = *next;
  }
  HADRON_RETURN_IF_ERROR(RequireEqual(c, Dim(sum), size, "the sum of the sizes"));
  return std::vector<Dim>(sizes.begin(), sizes.end());
}

/// Equal parts, the last one smaller if it must be.
StatusOr<std::vector<Dim>> EqualSizes(InferContext& c, const Dim& size) {
  const std::int64_t parts = c.attributes().Int("num_outputs", 0);
  const auto outputs = static_cast<std::int64_t>(c.node().outputs.size());
  if (parts < outputs || parts > INT32_MAX) {
    return c.Invalid(
        fmt::format("attribute 'num_outputs' is {}, the node has {} outputs", parts, outputs));
  }
  std::vector<Dim> sizes;
  for (std::int64_t i = 0; i < outputs; ++i) {
    if (size.known()) {
      const std::int64_t chunk = (size.value() + parts - 1) / parts;
      sizes.emplace_back(std::clamp<std::int64_t>(size.value() - i * chunk, 0, chunk));
    } else if (const auto exact = size.DividedBy(Dim(parts))) {
      sizes.push_back(*exact);
    } else {
      sizes.push_back(c.NewSymbol());
    }
  }
  return sizes;
}

Status InferSplit(InferContext& c) {
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 1, INT32_MAX));
  HADRON_ASSIGN_OR_RETURN(const std::int64_t axis,
                          c.Axis(c.attributes().Int("axis", 0), c.rank(0)));
  const SymbolicShape x = c.shape(0);
  const Dim& size = x[static_cast<std::size_t>(axis)];
  auto sizes = c.has_input(1) ? GivenSizes(c, size) : EqualSizes(c, size);
  if (!sizes.ok()) return std::move(sizes).status();
  const std::vector<Dim>* elements = x.size() == 1 ? c.elements(0) : nullptr;
  std::size_t start = 0;
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    const Dim& part = (*sizes)[i];
    SymbolicShape y = x;
    y[static_cast<std::size_t>(axis)] = part;
    c.SetOutput(i, c.type(0), std::move(y));
    if (elements == nullptr || !part.known()) continue;
    const auto end = start + static_cast<std::size_t>(part.value());
    if (end > elements->size()) return c.Invalid("the sizes exceed the input");
    const auto begin = elements->begin();
    c.SetElements(
        i, {begin + static_cast<std::ptrdiff_t>(start), begin + static_cast<std::ptrdiff_t>(end)});
    start = end;
  }
  return {};
}

Status LegaliseSplit(Graph& graph, Node& node) {
  if (node.since_version >= 18) return {};
  if (node.since_version < 13) IntsToInput(graph, node, "split", 1);
  if (!node.HasInput(1)) {
    node.attributes.Set("num_outputs", static_cast<std::int64_t>(node.outputs.size()));
  }
  return {};
}

}  // namespace

void RegisterConcat(OpRegistry& registry) {
  registry.Add({.name = "Concat",
                .versions = {4, 11, 13},
                .max_inputs = kVariadic,
                .attributes = {{"axis", AttributeType::kInt, true}},
                .infer = InferConcat});
  registry.Add({.name = "Split",
                .versions = {2, 11, 13, 18},
                .max_inputs = 2,
                .max_outputs = kVariadic,
                .attributes = {{"axis", AttributeType::kInt},
                               {"split", AttributeType::kInts, false, 1, 12},
                               {"num_outputs", AttributeType::kInt, false, 18}},
                .infer = InferSplit,
                .legalise = LegaliseSplit});
}

}  // namespace hadron::graph
