#include "graph/tree_ensemble.h"

#include "backend/reference/op.h"
#include "graph/op_schema.h"

namespace hadron::backend::reference {
namespace {

using base::Status;
using graph::TreeEnsemble;

/// Features as the thresholds see them: integers compare as floats when the thresholds are.
std::vector<double> Features(const RefTensor& x, bool float_thresholds) {
  std::vector<double> values = ToDoubles(x);
  if (float_thresholds && !tensor::IsFloating(x.type)) {
    for (double& v : values) v = static_cast<double>(static_cast<float>(v));
  }
  return values;
}

void SetLabel(const TreeEnsemble& trees, std::size_t winner, std::size_t row, RefTensor& labels) {
  if (trees.string_labels.empty()) {
    labels.as<std::int64_t>()[row] = trees.int_labels[winner];
  } else {
    labels.strings[row] = trees.string_labels[winner];
  }
}

Status Trees(const RefCall& call) {
  HADRON_ASSIGN_OR_RETURN(const TreeEnsemble trees, TreeEnsemble::Parse(call.node));
  const tensor::Shape& shape = call.in(0).shape;
  const auto width = static_cast<std::size_t>(shape[shape.rank() - 1]);
  const auto rows = static_cast<std::size_t>(shape.rank() == 2 ? shape[0] : 1);
  const std::vector<double> x = Features(call.in(0), trees.float_thresholds);
  std::vector<double> scores(trees.targets);
  std::vector<double> out(rows * trees.outputs);
  for (std::size_t row = 0; row < rows; ++row) {
    trees.Score(std::span(x).subspan(row * width, width), scores);
    const std::size_t winner =
        trees.Finish(scores, std::span(out).subspan(row * trees.outputs, trees.outputs));
    if (trees.classifier && call.node.HasOutput(0)) SetLabel(trees, winner, row, call.out(0));
  }
  const std::size_t index = trees.classifier ? 1 : 0;
  if (call.node.HasOutput(index)) FromDoubles(out, call.out(index));
  return {};
}

}  // namespace

void RegisterReferenceTreeEnsemble(RefRegistry& registry) {
  registry.Add(graph::kMlDomain, "TreeEnsembleRegressor", Trees);
  registry.Add(graph::kMlDomain, "TreeEnsembleClassifier", Trees);
}

}  // namespace hadron::backend::reference
