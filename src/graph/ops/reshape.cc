// Operators that give the same elements another shape, or tell what the shape is.
#include <fmt/format.h>

#include <algorithm>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

/// The elements keep their order, so what is known of them stays known.
Status SetSameElements(InferContext& c, SymbolicShape shape) {
  c.SetOutput(0, c.type(0), std::move(shape));
  if (const auto* elements = c.elements(0)) c.SetElements(0, *elements);
  return {};
}

/// A shape given by the elements of input `i`; fresh symbols where they depend on the data.
StatusOr<SymbolicShape> TargetShape(InferContext& c, std::size_t i) {
  HADRON_RETURN_IF_ERROR(c.RequireType(i, {DataType::kInt64}));
  HADRON_RETURN_IF_ERROR(RequireRank(c, i, 1, 1));
  if (const auto* elements = c.elements(i)) return *elements;
  const Dim& rank = c.shape(i)[0];
  if (!rank.known() || rank.value() > 64) {
    return c.Unsupported("the rank of the output depends on the data");
  }
  SymbolicShape shape;
  for (std::int64_t k = 0; k < rank.value(); ++k) shape.push_back(c.NewSymbol());
  return shape;
}

/// The dimension that -1 stands for: what is left of `total` after `rest`.
StatusOr<Dim> Remainder(InferContext& c, const Dim& total, const Dim& rest) {
  if (const auto exact = total.DividedBy(rest)) return *exact;
  if (!total.known() || !rest.known()) return c.NewSymbol();
  return c.Invalid(
      fmt::format("{} elements cannot be split into parts of {}", total.value(), rest.value()));
}

Status InferReshape(InferContext& c) {
  const SymbolicShape& x = c.shape(0);
  const bool allow_zero = c.attributes().Int("allowzero", 0) != 0;
  HADRON_ASSIGN_OR_RETURN(SymbolicShape shape, TargetShape(c, 1));
  Dim* wildcard = nullptr;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!shape[i].known()) continue;
    if (shape[i].value() < -1 || (shape[i].value() == -1 && wildcard != nullptr)) {
      return c.Invalid(fmt::format("{} is no shape", ToString(shape)));
    }
    if (shape[i].value() == -1) {
      wildcard = &shape[i];
    } else if (shape[i].value() == 0 && !allow_zero) {
      if (i >= x.size()) {
        return c.Invalid(fmt::format("dimension {} is copied from the input {}, which has none", i,
                                     ToString(x)));
      }
      shape[i] = x[i];
    }
  }
  HADRON_ASSIGN_OR_RETURN(const Dim total, Product(c, x));
  if (wildcard != nullptr) *wildcard = Dim(1);
  HADRON_ASSIGN_OR_RETURN(const Dim rest, Product(c, shape));
  if (wildcard != nullptr) {
    HADRON_ASSIGN_OR_RETURN(*wildcard, Remainder(c, total, rest));
  } else if (total.known() && rest.known() && total != rest) {
    return c.Invalid(fmt::format("{} with {} elements cannot become {} with {}", ToString(x),
                                 total.value(), ToString(shape), rest.value()));
  }
  return SetSameElements(c, std::move(shape));
}

Status InferFlatten(InferContext& c) {
  const SymbolicShape& x = c.shape(0);
  const std::int64_t rank = c.rank(0);
  std::int64_t axis = c.attributes().Int("axis", 1);
  // A scalar is [1,1] whatever the default axis says.
  if (rank == 0 && axis == 1) axis = 0;
  if (axis < -rank || axis > rank) {
    return c.Invalid(fmt::format("axis {} is out of range [{}, {}]", axis, -rank, rank));
  }
  const auto cut = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  const std::span<const Dim> dims(x);
  HADRON_ASSIGN_OR_RETURN(const Dim outer, Product(c, dims.first(cut)));
  HADRON_ASSIGN_OR_RETURN(const Dim inner, Product(c, dims.subspan(cut)));
  return SetSameElements(c, {outer, inner});
}

Status InferSqueeze(InferContext& c) {
  const SymbolicShape& x = c.shape(0);
  std::vector<std::int64_t> axes;
  if (c.has_input(1)) {
    HADRON_ASSIGN_OR_RETURN(const auto given, RequireInts(c, 1, "axes"));
    HADRON_ASSIGN_OR_RETURN(axes, NormaliseAxes(c, given, c.rank(0)));
  } else if (!FullyKnown(x)) {
    return c.Unsupported(
        fmt::format("without 'axes' the rank of the output depends on {}", ToString(x)));
  }
  SymbolicShape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool named = std::ranges::find(axes, static_cast<std::int64_t>(i)) != axes.end();
    if (named) HADRON_RETURN_IF_ERROR(RequireEqual(c, x[i], Dim(1), "squeezed dimension"));
    const bool drop = named || (!c.has_input(1) && x[i] == Dim(1));
    if (!drop) shape.push_back(x[i]);
  }
  return SetSameElements(c, std::move(shape));
}

Status InferUnsqueeze(InferContext& c) {
  HADRON_ASSIGN_OR_RETURN(const auto given, RequireInts(c, 1, "axes"));
  const auto rank = c.rank(0) + static_cast<std::int64_t>(given.size());
  HADRON_ASSIGN_OR_RETURN(auto axes, NormaliseAxes(c, given, rank));
  std::ranges::sort(axes);
  SymbolicShape shape = c.shape(0);
  for (const std::int64_t axis : axes) shape.insert(shape.begin() + axis, Dim(1));
  return SetSameElements(c, std::move(shape));
}

/// Attribute to input, at opset 13.
Status LegaliseAxes(Graph& graph, Node& node) {
  if (node.since_version < 13) IntsToInput(graph, node, "axes", 1);
  return {};
}

Status InferShape(InferContext& c) {
  const std::int64_t rank = c.rank(0);
  const auto clamp = [rank](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t start = clamp(c.attributes().Int("start", 0));
  const std::int64_t end = std::max(start, clamp(c.attributes().Int("end", rank)));
  const SymbolicShape& x = c.shape(0);
  std::vector<Dim> dims(x.begin() + start, x.begin() + end);
  c.SetOutput(0, DataType::kInt64, {Dim(end - start)});
  c.SetElements(0, std::move(dims));
  return {};
}

Status InferSize(InferContext& c) {
  HADRON_ASSIGN_OR_RETURN(const Dim total, Product(c, c.shape(0)));
  c.SetOutput(0, DataType::kInt64, {});
  c.SetElements(0, {total});
  return {};
}

Status InferExpand(InferContext& c) {
  HADRON_ASSIGN_OR_RETURN(const SymbolicShape target, TargetShape(c, 1));
  for (const Dim& dim : target) {
    if (dim.known() && dim.value() < 0) {
      return c.Invalid(fmt::format("{} is no shape", ToString(target)));
    }
  }
  HADRON_ASSIGN_OR_RETURN(SymbolicShape shape, c.Broadcast(c.shape(0), target));
  const auto count = Elements(shape);
  HADRON_RETURN_IF_ERROR(SetOutput(c, 0, c.type(0), std::move(shape)));
  const auto* elements = c.elements(0);
  if (elements != nullptr && elements->size() == 1 && count && count->known() &&
      count->value() <= kMaxTrackedElements) {
    c.SetElements(0, std::vector<Dim>(static_cast<std::size_t>(count->value()), elements->front()));
  }
  return {};
}

}  // namespace

void RegisterReshape(OpRegistry& registry) {
  registry.Add({.name = "Reshape",
                .versions = {5, 13, 14, 19, 21, 23, 24, 25},
                .min_inputs = 2,
                .max_inputs = 2,
                .attributes = {{"allowzero", AttributeType::kInt, false, 14}},
                .infer = InferReshape});
  registry.Add({.name = "Flatten",
                .versions = {1, 9, 11, 13, 21, 23, 24, 25},
                .attributes = {{"axis", AttributeType::kInt}},
                .infer = InferFlatten});
  registry.Add({.name = "Squeeze",
                .versions = {1, 11, 13, 21, 23, 24, 25},
                .max_inputs = 2,
                .attributes = {{"axes", AttributeType::kInts, false, 1, 12}},
                .infer = InferSqueeze,
                .legalise = LegaliseAxes});
  registry.Add({.name = "Unsqueeze",
                .versions = {1, 11, 13, 21, 23, 24, 25},
                .max_inputs = 2,
                .attributes = {{"axes", AttributeType::kInts, true, 1, 12}},
                .infer = InferUnsqueeze,
                .legalise = LegaliseAxes});
  registry.Add({.name = "Shape",
                .versions = {1, 13, 15, 19, 21, 23, 24, 25},
                .attributes = {{"start", AttributeType::kInt, false, 15},
                               {"end", AttributeType::kInt, false, 15}},
                .infer = InferShape});
  registry.Add({.name = "Size", .versions = {1, 13, 19, 21, 23, 24, 25}, .infer = InferSize});
  registry.Add({.name = "Expand",
                .versions = {8, 13},
                .min_inputs = 2,
                .max_inputs = 2,
                .infer = InferExpand});
}

}  // namespace hadron::graph
