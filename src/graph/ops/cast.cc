// Cast and CastLike: conversions between element types, strings included.
#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

/// Integers that steer shapes survive a cast that keeps their values.
void FollowElements(InferContext& c, DataType to) {
  const std::vector<Dim>* elements = c.elements(0);
  if (elements == nullptr) return;
  std::vector<Dim> out;
  for (const Dim& dim : *elements) {
    if (to == DataType::kBool) {
      if (!dim.known()) return;
      out.emplace_back(dim.value() != 0 ? 1 : 0);
    } else if (to == DataType::kInt64) {
      out.push_back(dim);
    } else if (to == DataType::kInt32) {
      // A symbol stands for a dimension, and those of one tensor fit 32 bits.
      out.push_back(dim.known() ? Dim(static_cast<std::int32_t>(dim.value())) : dim);
    } else {
      return;
    }
  }
  c.SetElements(0, std::move(out));
}

Status InferCast(InferContext& c) {
  const std::int64_t code = c.attributes().Int("to", 0);
  const auto to = TypeFromOnnx(code);
  if (!to) return c.Unsupported(fmt::format("cast to ONNX type {} is not supported", code));
  c.SetOutput(0, *to, c.shape(0));
  FollowElements(c, *to);
  return {};
}

Status InferCastLike(InferContext& c) {
  c.SetOutput(0, c.type(1), c.shape(0));
  FollowElements(c, c.type(1));
  return {};
}

}  // namespace

void RegisterCast(OpRegistry& registry) {
  registry.Add({.name = "Cast",
                .versions = {6, 9, 13, 19, 21, 23, 24, 25},
                .attributes = {{"to", AttributeType::kInt, true},
                               {"saturate", AttributeType::kInt, false, 19},
                               {"round_mode", AttributeType::kString, false, 24}},
                .infer = InferCast});
  registry.Add({.name = "CastLike",
                .versions = {15, 19, 21, 23, 24, 25},
                .min_inputs = 2,
                .max_inputs = 2,
                .attributes = {{"saturate", AttributeType::kInt, false, 19},
                               {"round_mode", AttributeType::kString, false, 24}},
                .infer = InferCastLike});
}

}  // namespace hadron::graph
