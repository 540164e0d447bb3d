// Decision trees of ai.onnx.ml: rows of features [N,F] to targets [N,E], or to labels [N] and
// scores [N,E].
#include "graph/tree_ensemble.h"

#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

Status InferTrees(InferContext& c) {
  HADRON_RETURN_IF_ERROR(
      c.RequireType(0, {DataType::kFp32, DataType::kFp64, DataType::kInt64, DataType::kInt32}));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 1, 2));
  HADRON_ASSIGN_OR_RETURN(const TreeEnsemble trees, TreeEnsemble::Parse(c.node()));
  const Dim& features = c.shape(0).back();
  if (features.known() && features.value() < static_cast<std::int64_t>(trees.features)) {
    return c.Invalid(fmt::format("the trees use {} features, input 0 of shape {} has {}",
                                 trees.features, ToString(c.shape(0)), features.value()));
  }
  const Dim rows = c.rank(0) == 2 ? c.shape(0)[0] : Dim(1);
  const std::size_t scores = trees.classifier ? 1 : 0;
  if (trees.classifier) {
    c.SetOutput(0, trees.string_labels.empty() ? DataType::kInt64 : DataType::kString, {rows});
  }
  return SetOutput(c, scores, DataType::kFp32, {rows, Dim(trees.outputs)});
}

std::vector<AttributeSpec> TreeAttributes(bool classifier) {
  std::vector<AttributeSpec> specs = {
      {"base_values", AttributeType::kFloats},
      {"base_values_as_tensor", AttributeType::kTensor, false, 3},
      {"nodes_falsenodeids", AttributeType::kInts},
      {"nodes_featureids", AttributeType::kInts},
      {"nodes_hitrates", AttributeType::kFloats},
      {"nodes_hitrates_as_tensor", AttributeType::kTensor, false, 3},
      {"nodes_missing_value_tracks_true", AttributeType::kInts},
      {"nodes_modes", AttributeType::kStrings},
      {"nodes_nodeids", AttributeType::kInts},
      {"nodes_treeids", AttributeType::kInts},
      {"nodes_truenodeids", AttributeType::kInts},
      {"nodes_values", AttributeType::kFloats},
      {"nodes_values_as_tensor", AttributeType::kTensor, false, 3},
      {"post_transform", AttributeType::kString}};
  const std::vector<AttributeSpec> regressor = {
      {"aggregate_function", AttributeType::kString},
      {"n_targets", AttributeType::kInt},
      {"target_ids", AttributeType::kInts},
      {"target_nodeids", AttributeType::kInts},
      {"target_treeids", AttributeType::kInts},
      {"target_weights", AttributeType::kFloats},
      {"target_weights_as_tensor", AttributeType::kTensor, false, 3}};
  const std::vector<AttributeSpec> classes = {
      {"class_ids", AttributeType::kInts},
      {"class_nodeids", AttributeType::kInts},
      {"class_treeids", AttributeType::kInts},
      {"class_weights", AttributeType::kFloats},
      {"class_weights_as_tensor", AttributeType::kTensor, false, 3},
      {"classlabels_int64s", AttributeType::kInts},
      {"classlabels_strings", AttributeType::kStrings}};
  const auto& more = classifier ? classes : regressor;
  specs.insert(specs.end(), more.begin(), more.end());
  return specs;
}

}  // namespace

void RegisterTreeEnsemble(OpRegistry& registry) {
  registry.Add({.domain = kMlDomain,
                .name = "TreeEnsembleRegressor",
                .versions = {1, 3},
                .attributes = TreeAttributes(false),
                .infer = InferTrees});
  registry.Add({.domain = kMlDomain,
                .name = "TreeEnsembleClassifier",
                .versions = {1, 3},
                .max_outputs = 2,
                .attributes = TreeAttributes(true),
                .infer = InferTrees});
}

}  // namespace hadron::graph
