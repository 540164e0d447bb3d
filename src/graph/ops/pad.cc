// Pad: elements added around a tensor; negative pads crop.
#include <fmt/format.h>

#include <numeric>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

Status CheckOperands(const InferContext& c) {
  const std::string mode = c.attributes().String("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap") {
    return c.Invalid(
        fmt::format("attribute 'mode' is '{}', expected constant, reflect, edge or "
                    "wrap",
                    mode));
  }
  // Old files give the value as a float attribute whatever the type of the data.
  if (c.has_input(2) && !(tensor::IsFloating(c.type(0)) && c.type(2) == DataType::kFp32)) {
    HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 2));
  }
  return {};
}

StatusOr<std::vector<std::int64_t>> ReadAxes(const InferContext& c) {
  std::vector<std::int64_t> axes(c.shape(0).size());
  std::iota(axes.begin(), axes.end(), 0);
  if (c.has_input(3)) {
    HADRON_ASSIGN_OR_RETURN(axes, RequireInts(c, 3, "axes"));
  }
  return NormaliseAxes(c, axes, c.rank(0));
}

Status InferPad(InferContext& c) {
  HADRON_RETURN_IF_ERROR(CheckOperands(c));
  HADRON_ASSIGN_OR_RETURN(const auto axes, ReadAxes(c));
  HADRON_ASSIGN_OR_RETURN(const auto pads, RequireInts(c, 1, "pads"));
  if (pads.size() != 2 * axes.size()) {
    return c.Invalid(
        fmt::format("{} pads are given for {} axes, expected two each", pads.size(), axes.size()));
  }
  const bool copies = c.attributes().String("mode", "constant") != "constant";
  SymbolicShape y = c.shape(0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t begin = pads[i];
    const std::int64_t end = pads[i + axes.size()];
    if (std::max(std::abs(begin / 2), std::abs(end / 2)) > INT32_MAX / 2) {
      return c.Invalid(fmt::format("pads of {} and {} are not allowed", begin, end));
    }
    Dim& dim = y[static_cast<std::size_t>(axes[i])];
    if (!dim.known()) {
      if (begin != 0 || end != 0) dim = c.NewSymbol();
      continue;
    }
    const std::int64_t rest =
        dim.value() + std::min<std::int64_t>(begin, 0) + std::min<std::int64_t>(end, 0);
    const bool grows = begin > 0 || end > 0;
    if (rest < 0 || (rest == 0 && copies && grows)) {
      return c.Invalid(fmt::format("pads of {} and {} leave nothing of a dimension of {}", begin,
                                   end, dim.value()));
    }
    dim = Dim(dim.value() + begin + end);
  }
  return SetOutput(c, 0, c.type(0), std::move(y));
}

Status LegalisePad(Graph& graph, Node& node) {
  if (node.since_version >= 11) return {};
  IntsToInput(graph, node, "pads", 1);
  const float value = node.attributes.Float("value", 0);
  SetInput(node, 2, AddFloats(graph, node, "value", {&value, 1}, {}));
  node.attributes.Erase("value");
  return {};
}

}  // namespace

void RegisterPad(OpRegistry& registry) {
  registry.Add({.name = "Pad",
                .versions = {2, 11, 13, 18, 19, 21, 23, 24, 25},
                .max_inputs = 4,
                .attributes = {{"mode", AttributeType::kString},
                               {"pads", AttributeType::kInts, true, 1, 10},
                               {"value", AttributeType::kFloat, false, 1, 10}},
                .infer = InferPad,
                .legalise = LegalisePad});
}

}  // namespace hadron::graph
