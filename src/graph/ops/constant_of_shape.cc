// ConstantOfShape: a tensor of one value whose shape is an input.
#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

void FollowElements(InferContext& c, const ConstantRef& value, const SymbolicShape& shape) {
  const auto count = Elements(shape);
  if (value == nullptr || !count || !count->known() || count->value() > kMaxTrackedElements) return;
  if (value->type() != DataType::kInt64 && value->type() != DataType::kInt32) return;
  const auto ints = value->Ints();
  if (!ints.ok()) return;
  c.SetElements(0, std::vector<Dim>(static_cast<std::size_t>(count->value()), Dim((*ints)[0])));
}

Status InferConstantOfShape(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, {DataType::kInt64}));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 1, 1));
  const ConstantRef value = c.attributes().Tensor("value");
  if (value != nullptr && value->shape().elements() != 1) {
    return c.Invalid(fmt::format("attribute 'value' of shape {} must have one element",
                                 value->shape().ToString()));
  }
  SymbolicShape shape;
  if (const auto* elements = c.elements(0)) {
    shape = *elements;
  } else if (!c.shape(0)[0].known() || c.shape(0)[0].value() > 64) {
    return c.Unsupported("the rank of the output depends on the data");
  } else {
    for (std::int64_t i = 0; i < c.shape(0)[0].value(); ++i) shape.push_back(c.NewSymbol());
  }
  for (const Dim& dim : shape) {
    if (dim.known() && dim.value() < 0) {
      return c.Invalid(fmt::format("{} is no shape", ToString(shape)));
    }
  }
  const SymbolicShape copy = shape;
  HADRON_RETURN_IF_ERROR(
      SetOutput(c, 0, value == nullptr ? DataType::kFp32 : value->type(), std::move(shape)));
  FollowElements(c, value, copy);
  return {};
}

}  // namespace

void RegisterConstantOfShape(OpRegistry& registry) {
  registry.Add({.name = "ConstantOfShape",
                .versions = {9, 20, 21, 23, 24, 25},
                .attributes = {{"value", AttributeType::kTensor}},
                .infer = InferConstantOfShape});
}

}  // namespace hadron::graph
