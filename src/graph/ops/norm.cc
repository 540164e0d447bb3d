// Normalisations over the batch's recorded statistics, an instance, a layer, neighbouring channels.
#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;

/// Scale and bias like inputs: 1-D with one element a channel.
Status RequireChannels(const InferContext& c, std::size_t first, std::size_t last) {
  const Dim channels = c.rank(0) > 1 ? c.shape(0)[1] : Dim(1);
  for (std::size_t i = first; i <= last; ++i) {
    if (!c.has_input(i)) return c.Invalid(fmt::format("input {} is missing", i));
    HADRON_RETURN_IF_ERROR(c.RequireType(i, kFloatTypes));
    HADRON_RETURN_IF_ERROR(RequireVector(c, i, channels));
  }
  return {};
}

Status InferBatchNormalization(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 1, INT32_MAX));
  if (c.attributes().Int("training_mode", 0) != 0) {
    return c.Unsupported("attribute 'training_mode' = 1 is not supported: export for inference");
  }
  for (std::size_t i = 1; i < c.node().outputs.size(); ++i) {
    if (c.node().HasOutput(i)) {
      return c.Unsupported(fmt::format("output {} exists in training only", i));
    }
  }
  HADRON_RETURN_IF_ERROR(RequireChannels(c, 1, 4));
  c.SetOutput(0, c.type(0), c.shape(0));
  return {};
}

/// Old files say whether statistics are per channel (spatial) and may declare training outputs that
/// nobody reads.
Status LegaliseBatchNormalization(Graph& graph, Node& node) {
  if (node.attributes.Int("spatial", 1) == 0) {
    return base::Unimplemented(
        fmt::format("{}: attribute 'spatial' = 0 is not supported", node.Label()));
  }
  node.attributes.Erase("spatial");
  node.attributes.Erase("momentum");
  if (node.since_version < 14 && node.outputs.size() > 1) {
    const std::vector<int> uses = graph.UseCounts();
    for (std::size_t i = 1; i < node.outputs.size(); ++i) {
      if (node.HasOutput(i) && uses[node.outputs[i]] == 0) node.outputs[i] = kNoValue;
    }
  }
  while (node.outputs.size() > 1 && node.outputs.back() == kNoValue) node.outputs.pop_back();
  return {};
}

Status InferInstanceNormalization(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 3, INT32_MAX));
  HADRON_RETURN_IF_ERROR(RequireChannels(c, 1, 2));
  c.SetOutput(0, c.type(0), c.shape(0));
  return {};
}

Status InferLayerNormalization(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_ASSIGN_OR_RETURN(const std::int64_t axis,
                          c.Axis(c.attributes().Int("axis", -1), c.rank(0)));
  for (std::size_t i = 1; i < 3; ++i) {
    if (!c.has_input(i)) continue;
    HADRON_RETURN_IF_ERROR(c.RequireSameType(0, i));
    HADRON_RETURN_IF_ERROR(RequireBroadcastsTo(c, i, c.shape(0)));
  }
  const SymbolicShape x = c.shape(0);
  c.SetOutput(0, c.type(0), x);
  SymbolicShape statistics = x;
  std::fill(statistics.begin() + axis, statistics.end(), Dim(1));
  c.SetOutput(1, tensor::DataType::kFp32, statistics);
  c.SetOutput(2, tensor::DataType::kFp32, std::move(statistics));
  return {};
}

Status InferLrn(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 2, INT32_MAX));
  const std::int64_t size = c.attributes().Int("size", 0);
  if (size < 1 || size > INT32_MAX) {
    return c.Invalid(fmt::format("attribute 'size' is {}, must be at least 1", size));
  }
  c.SetOutput(0, c.type(0), c.shape(0));
  return {};
}

}  // namespace

void RegisterNorm(OpRegistry& registry) {
  registry.Add({.name = "BatchNormalization",
                .versions = {7, 9, 14, 15},
                .min_inputs = 5,
                .max_inputs = 5,
                .max_outputs = 5,
                .attributes = {{"epsilon", AttributeType::kFloat},
                               {"momentum", AttributeType::kFloat},
                               {"spatial", AttributeType::kInt, false, 1, 8},
                               {"training_mode", AttributeType::kInt, false, 14}},
                .infer = InferBatchNormalization,
                .legalise = LegaliseBatchNormalization});
  registry.Add({.name = "InstanceNormalization",
                .versions = {6, 22},
                .min_inputs = 3,
                .max_inputs = 3,
                .attributes = {{"epsilon", AttributeType::kFloat}},
                .infer = InferInstanceNormalization});
  registry.Add({.name = "LayerNormalization",
                .versions = {17},
                .min_inputs = 2,
                .max_inputs = 3,
                .max_outputs = 3,
                .attributes = {{"axis", AttributeType::kInt},
                               {"epsilon", AttributeType::kFloat},
                               {"stash_type", AttributeType::kInt}},
                .infer = InferLayerNormalization});
  registry.Add({.name = "LRN",
                .versions = {1, 13},
                .attributes = {{"alpha", AttributeType::kFloat},
                               {"beta", AttributeType::kFloat},
                               {"bias", AttributeType::kFloat},
                               {"size", AttributeType::kInt, true}},
                .infer = InferLrn});
}

}  // namespace hadron::graph
