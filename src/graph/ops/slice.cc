// Slice: every step-th element between start and end along some axes.
#include <fmt/format.h>

#include <numeric>
#include <optional>

#include "base/checked.h"
#include "graph/ops/util.h"
#include "graph/slice_range.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;

/// What is known of the bounds along one axis.
struct Bounds {
  std::optional<Dim> start;
  std::optional<Dim> end;
  std::int64_t step = 1;
};

std::optional<Dim> Element(const InferContext& c, std::size_t input, std::size_t i) {
  const auto* elements = c.elements(input);
  return elements == nullptr ? std::nullopt : std::optional<Dim>((*elements)[i]);
}

/// One entry per given axis; steps default to 1.
StatusOr<std::vector<Bounds>> ReadBounds(const InferContext& c) {
  HADRON_RETURN_IF_ERROR(RequireInput(c, 1, "starts"));
  HADRON_RETURN_IF_ERROR(RequireInput(c, 2, "ends"));
  for (std::size_t i = 1; i < c.input_count(); ++i) {
    if (!c.has_input(i)) continue;
    HADRON_RETURN_IF_ERROR(c.RequireType(i, kIndexTypes));
    HADRON_RETURN_IF_ERROR(RequireRank(c, i, 1, 1));
    HADRON_RETURN_IF_ERROR(RequireEqual(c, c.shape(i)[0], c.shape(1)[0], "entries of an input"));
  }
  const Dim& count = c.shape(1)[0];
  if (!count.known() || count.value() > c.rank(0)) {
    return c.Invalid(
        fmt::format("{} starts are given for an input of rank {}", count.ToString(), c.rank(0)));
  }
  std::vector<Bounds> bounds(static_cast<std::size_t>(count.value()));
  std::vector<std::int64_t> steps(bounds.size(), 1);
  if (c.has_input(4)) {
    HADRON_ASSIGN_OR_RETURN(steps, RequireInts(c, 4, "steps"));
  }
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (steps[i] == 0) return c.Invalid("a step of 0 is not allowed");
    bounds[i] = {Element(c, 1, i), Element(c, 2, i), steps[i]};
  }
  return bounds;
}

StatusOr<std::vector<std::int64_t>> ReadAxes(const InferContext& c, std::size_t count) {
  std::vector<std::int64_t> axes(count);
  std::iota(axes.begin(), axes.end(), 0);
  if (c.has_input(3)) {
    HADRON_ASSIGN_OR_RETURN(axes, RequireInts(c, 3, "axes"));
  }
  return NormaliseAxes(c, axes, c.rank(0));
}

/// The size of a slice, a new symbol where it depends on what is not known.
Dim SlicedDim(InferContext& c, const Dim& size, const Bounds& b) {
  if (!b.start || !b.end) return c.NewSymbol();
  if (b.start->known() && b.end->known() && size.known()) {
    return Dim(ResolveSlice(b.start->value(), b.end->value(), b.step, size.value()).count);
  }
  // Everything from the first element on: the size itself, or a smaller one by name.
  const bool from_first = *b.start == Dim(0) && b.step == 1;
  if (from_first && (*b.end == size || *b.end == Dim(INT32_MAX) || *b.end == Dim(INT64_MAX))) {
    return size;
  }
  return c.NewSymbol();
}

/// Known elements of a slice along the first axis.
void FollowElements(InferContext& c, const SymbolicShape& x, const Bounds& b) {
  const auto* elements = c.elements(0);
  if (elements == nullptr || elements->empty() || !x[0].known()) return;
  if (!b.start || !b.end || !b.start->known() || !b.end->known()) return;
  const SliceRange range = ResolveSlice(b.start->value(), b.end->value(), b.step, x[0].value());
  const std::int64_t row = static_cast<std::int64_t>(elements->size()) / x[0].value();
  std::vector<Dim> out;
  for (std::int64_t i = 0; i < range.count; ++i) {
    const auto begin = elements->begin() + (range.start + i * b.step) * row;
    out.insert(out.end(), begin, begin + row);
  }
  c.SetElements(0, std::move(out));
}

Status InferSlice(InferContext& c) {
  HADRON_ASSIGN_OR_RETURN(const auto bounds, ReadBounds(c));
  HADRON_ASSIGN_OR_RETURN(const auto axes, ReadAxes(c, bounds.size()));
  const SymbolicShape x = c.shape(0);
  SymbolicShape y = x;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Dim& dim = y[static_cast<std::size_t>(axes[i])];
    dim = SlicedDim(c, dim, bounds[i]);
  }
  c.SetOutput(0, c.type(0), std::move(y));
  if (axes.size() == 1 && axes[0] == 0) FollowElements(c, x, bounds[0]);
  return {};
}

Status LegaliseSlice(Graph& graph, Node& node) {
  if (node.since_version >= 10) return {};
  IntsToInput(graph, node, "starts", 1);
  IntsToInput(graph, node, "ends", 2);
  IntsToInput(graph, node, "axes", 3);
  return {};
}

}  // namespace

void RegisterSlice(OpRegistry& registry) {
  registry.Add({.name = "Slice",
                .versions = {1, 10, 11, 13},
                .max_inputs = 5,
                .attributes = {{"starts", AttributeType::kInts, true, 1, 9},
                               {"ends", AttributeType::kInts, true, 1, 9},
                               {"axes", AttributeType::kInts, false, 1, 9}},
                .infer = InferSlice,
                .legalise = LegaliseSlice});
}

}  // namespace hadron::graph
