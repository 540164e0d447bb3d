// Element-wise operators of one and two inputs: the output has the (broadcast) shape of the inputs.
// One row an operator.
#include <fmt/format.h>

#include <algorithm>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

Status InferUnary(InferContext& c) {
  c.SetOutput(0, c.type(0), c.shape(0));
  return {};
}

Status InferIdentity(InferContext& c) {
  HADRON_RETURN_IF_ERROR(InferUnary(c));
  if (const auto* elements = c.elements(0)) c.SetElements(0, *elements);
  return {};
}

Status InferFloatUnary(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  return InferUnary(c);
}

Status InferNumberUnary(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  return InferUnary(c);
}

Status InferNeg(InferContext& c) {
  HADRON_RETURN_IF_ERROR(InferNumberUnary(c));
  const auto ints = c.ints(0);
  if (!ints || std::ranges::find(*ints, INT64_MIN) != ints->end()) return {};
  std::vector<Dim> out;
  for (const std::int64_t v : *ints) out.emplace_back(-v);
  c.SetElements(0, std::move(out));
  return {};
}

Status InferGelu(InferContext& c) {
  const std::string approximate = c.attributes().String("approximate", "none");
  if (approximate != "none" && approximate != "tanh") {
    return c.Invalid(fmt::format("attribute 'approximate' is '{}'", approximate));
  }
  return InferFloatUnary(c);
}

/// Integers with the sign of the divisor, as Python does.
std::int64_t FloorMod(std::int64_t a, std::int64_t b) {
  if (b == 0 || b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

std::optional<Dim> CombineKnown(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = true;
  if (op == "Add") overflow = __builtin_add_overflow(a, b, &result);
  if (op == "Sub") overflow = __builtin_sub_overflow(a, b, &result);
  if (op == "Mul") overflow = __builtin_mul_overflow(a, b, &result);
  // Division truncates; the quotient that overflows has b == -1.
  if (op == "Div" && b != 0 && b != -1) return Dim(a / b);
  if (op == "Mod") return Dim(FloorMod(a, b));
  return overflow ? std::nullopt : std::optional<Dim>(result);
}

/// Follows integer elements through arithmetic where the result is a Dim again.
std::optional<Dim> Combine(std::string_view op, const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return CombineKnown(op, a.value(), b.value());
  if (op == "Mul") return a.Times(b);
  if (op == "Div") return a.DividedBy(b);
  if (op == "Add") return Sum(a, b);
  return std::nullopt;
}

void FollowElements(InferContext& c) {
  const std::vector<Dim>* a = c.elements(0);
  const std::vector<Dim>* b = c.elements(1);
  if (a == nullptr || b == nullptr || a->empty() || b->empty()) return;
  // Above rank 1, broadcasting would have to pair the elements anew.
  if (c.rank(0) > 1 || c.rank(1) > 1) return;
  const std::size_t count = std::max(a->size(), b->size());
  if ((a->size() != count && a->size() != 1) || (b->size() != count && b->size() != 1)) return;
  std::vector<Dim> out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto next =
        Combine(c.node().op_type, (*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
    out.push_back(next ? *next : c.NewSymbol());
  }
  c.SetElements(0, std::move(out));
}

Status SetBroadcast(InferContext& c) {
  HADRON_ASSIGN_OR_RETURN(SymbolicShape shape, c.Broadcast(c.shape(0), c.shape(1)));
  return SetOutput(c, 0, c.type(0), std::move(shape));
}

Status InferArithmetic(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 1));
  HADRON_RETURN_IF_ERROR(SetBroadcast(c));
  FollowElements(c);
  return {};
}

Status InferMod(InferContext& c) {
  HADRON_RETURN_IF_ERROR(InferArithmetic(c));
  if (tensor::IsFloating(c.type(0)) && c.attributes().Int("fmod", 0) == 0) {
    return c.Invalid("floating point numbers need attribute 'fmod' = 1");
  }
  if (c.attributes().Int("fmod", 0) != 0) return SetBroadcast(c);  // forgets the elements
  return {};
}

/// The result has the type of the base, whatever that of the exponent.
Status InferPow(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  HADRON_RETURN_IF_ERROR(c.RequireType(1, kNumberTypes));
  return SetBroadcast(c);
}

Status InferPRelu(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_RETURN_IF_ERROR(c.RequireSameType(0, 1));
  HADRON_RETURN_IF_ERROR(RequireBroadcastsTo(c, 1, c.shape(0)));
  return InferUnary(c);
}

OpSchema Unary(std::string_view name, std::vector<int> versions, OpSchema::Infer infer,
               std::vector<AttributeSpec> attributes = {}) {
  return {.name = name,
          .versions = std::move(versions),
          .attributes = std::move(attributes),
          .infer = infer};
}

OpSchema Binary(std::string_view name, std::vector<int> versions, OpSchema::Infer infer,
                std::vector<AttributeSpec> attributes = {}) {
  OpSchema schema = Unary(name, std::move(versions), infer, std::move(attributes));
  schema.min_inputs = schema.max_inputs = 2;
  return schema;
}

void RegisterFunctions(OpRegistry& registry) {
  for (const std::string_view name :
       {"Ceil", "Floor", "Sqrt", "Exp", "Log", "Reciprocal", "Sigmoid", "Tanh"}) {
    registry.Add(Unary(name, {6, 13}, InferFloatUnary));
  }
  for (const std::string_view name : {"Sin", "Cos", "Tan", "Asin", "Acos", "Atan"}) {
    registry.Add(Unary(name, {7, 22}, InferFloatUnary));
  }
  for (const std::string_view name : {"Sinh", "Cosh", "Asinh", "Acosh", "Atanh"}) {
    registry.Add(Unary(name, {9, 22}, InferFloatUnary));
  }
  registry.Add(Unary("Round", {11, 22}, InferFloatUnary));
  registry.Add(Unary("Erf", {9, 13}, InferFloatUnary));
  registry.Add(Unary("Abs", {6, 13}, InferNumberUnary));
  registry.Add(Unary("Sign", {9, 13}, InferNumberUnary));
  registry.Add(Unary("Neg", {6, 13}, InferNeg));
}

void RegisterActivations(OpRegistry& registry) {
  const AttributeSpec alpha = {"alpha", AttributeType::kFloat};
  const AttributeSpec beta = {"beta", AttributeType::kFloat};
  const AttributeSpec gamma = {"gamma", AttributeType::kFloat};
  registry.Add(Unary("Relu", {6, 13, 14}, InferNumberUnary));
  registry.Add(Unary("LeakyRelu", {6, 16}, InferFloatUnary, {alpha}));
  registry.Add(Unary("ThresholdedRelu", {10, 22}, InferFloatUnary, {alpha}));
  registry.Add(Unary("Elu", {6, 22}, InferFloatUnary, {alpha}));
  registry.Add(Unary("Selu", {6, 22}, InferFloatUnary, {alpha, gamma}));
  registry.Add(Unary("Celu", {12, 28}, InferFloatUnary, {alpha}));
  registry.Add(Unary("Softplus", {1, 22}, InferFloatUnary));
  registry.Add(Unary("Softsign", {1, 22}, InferFloatUnary));
  registry.Add(Unary("HardSigmoid", {6, 22}, InferFloatUnary, {alpha, beta}));
  registry.Add(Unary("HardSwish", {14, 22}, InferFloatUnary));
  registry.Add(Unary("Mish", {18, 22}, InferFloatUnary));
  registry.Add(Unary("Swish", {24}, InferFloatUnary, {alpha}));
  registry.Add(Unary("Gelu", {20}, InferGelu, {{"approximate", AttributeType::kString}}));
  registry.Add(Unary("Shrink", {9}, InferNumberUnary,
                     {{"bias", AttributeType::kFloat}, {"lambd", AttributeType::kFloat}}));
  registry.Add(Binary("PRelu", {7, 9, 16}, InferPRelu));
}

}  // namespace

void RegisterElementwise(OpRegistry& registry) {
  registry.Add(Unary("Identity", {1, 13, 14, 16, 19, 21, 23, 24, 25}, InferIdentity));
  RegisterFunctions(registry);
  RegisterActivations(registry);
  for (const std::string_view name : {"Add", "Sub", "Mul", "Div"}) {
    registry.Add(Binary(name, {7, 13, 14}, InferArithmetic));
  }
  registry.Add(Binary("Pow", {7, 12, 13, 15}, InferPow));
  registry.Add(Binary("Mod", {10, 13}, InferMod, {{"fmod", AttributeType::kInt}}));
}

}  // namespace hadron::graph
