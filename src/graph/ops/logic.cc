// Operators whose result is BOOL: comparisons, connectives, tests for NaN and infinity.
#include <algorithm>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

Status SetBroadcast(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 1));
  HADRON_ASSIGN_OR_RETURN(SymbolicShape shape, c.Broadcast(c.shape(0), c.shape(1)));
  return SetOutput(c, 0, DataType::kBool, std::move(shape));
}

bool Evaluate(std::string_view op, std::int64_t a, std::int64_t b) {
  if (op == "Equal") return a == b;
  if (op == "Greater") return a > b;
  if (op == "Less") return a < b;
  if (op == "GreaterOrEqual") return a >= b;
  if (op == "LessOrEqual") return a <= b;
  if (op == "And") return a != 0 && b != 0;
  if (op == "Or") return a != 0 || b != 0;
  return (a != 0) != (b != 0);
}

/// What is known to compare: equal Dims are equal whatever the symbols stand for.
std::optional<bool> Compare(std::string_view op, const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return Evaluate(op, a.value(), b.value());
  if (op != "Equal") return std::nullopt;
  if (a == b) return true;
  // A symbol is a size: never negative, so never the -1 that exporters compare it with.
  const Dim& number = a.known() ? a : b;
  return number.known() && number.value() < 0 ? std::optional<bool>(false) : std::nullopt;
}

void FollowElements(InferContext& c) {
  const auto* a = c.elements(0);
  const auto* b = c.elements(1);
  if (a == nullptr || b == nullptr || a->empty() || b->empty()) return;
  if (c.rank(0) > 1 || c.rank(1) > 1) return;
  std::vector<Dim> out;
  for (std::size_t i = 0; i < std::max(a->size(), b->size()); ++i) {
    const auto result =
        Compare(c.node().op_type, (*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
    if (!result) return;
    out.emplace_back(*result ? 1 : 0);
  }
  c.SetElements(0, std::move(out));
}

Status InferEqual(InferContext& c) {
  HADRON_RETURN_IF_ERROR(SetBroadcast(c));
  FollowElements(c);
  return {};
}

Status InferOrder(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  return InferEqual(c);
}

Status InferConnective(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, {DataType::kBool}));
  return InferEqual(c);
}

Status InferNot(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, {DataType::kBool}));
  c.SetOutput(0, DataType::kBool, c.shape(0));
  if (const auto ints = c.ints(0)) {
    std::vector<Dim> out;
    for (const std::int64_t v : *ints) out.emplace_back(v == 0 ? 1 : 0);
    c.SetElements(0, std::move(out));
  }
  return {};
}

Status InferTest(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  c.SetOutput(0, DataType::kBool, c.shape(0));
  return {};
}

OpSchema Binary(std::string_view name, std::vector<int> versions, OpSchema::Infer infer) {
  return {.name = name,
          .versions = std::move(versions),
          .min_inputs = 2,
          .max_inputs = 2,
          .infer = infer};
}

}  // namespace

void RegisterLogic(OpRegistry& registry) {
  registry.Add(Binary("Equal", {7, 11, 13, 19}, InferEqual));
  registry.Add(Binary("Greater", {7, 9, 13}, InferOrder));
  registry.Add(Binary("Less", {7, 9, 13}, InferOrder));
  registry.Add(Binary("GreaterOrEqual", {12, 16}, InferOrder));
  registry.Add(Binary("LessOrEqual", {12, 16}, InferOrder));
  registry.Add(Binary("And", {7}, InferConnective));
  registry.Add(Binary("Or", {7}, InferConnective));
  registry.Add(Binary("Xor", {7}, InferConnective));
  registry.Add({.name = "Not", .versions = {1}, .infer = InferNot});
  registry.Add({.name = "IsNaN", .versions = {9, 13, 20}, .infer = InferTest});
  registry.Add({.name = "IsInf",
                .versions = {10, 20},
                .attributes = {{"detect_negative", AttributeType::kInt},
                               {"detect_positive", AttributeType::kInt}},
                .infer = InferTest});
}

}  // namespace hadron::graph
