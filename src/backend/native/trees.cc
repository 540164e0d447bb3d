// Tree ensembles: rows are independent; a row's scores are summed in double, tree by tree.
#include "graph/tree_ensemble.h"

#include "backend/native/host_kernel.h"
#include "backend/native/operators.h"
#include "backend/native/parallel.h"
#include "graph/op_schema.h"

namespace hadron::backend::native {
namespace {

using base::StatusOr;
using graph::TreeEnsemble;
using tensor::DataType;

struct TreesRun {
  std::shared_ptr<const TreeEnsemble> trees;
  std::int64_t rows;
  std::int64_t width;
  const float* x;
  float* out;
  std::int64_t* labels;
  double* sums;  ///< by row: scores, then results

  void Row(std::int64_t row) const {
    const TreeEnsemble& t = *trees;
    double* scores = sums + row * (t.targets + t.outputs);
    std::fill_n(scores, t.targets, 0.0);
    const float* features = x + row * width;
    for (const std::uint32_t root : t.roots) {
      const TreeEnsemble::Node& leaf = t.nodes[t.Leaf(root, features)];
      for (std::uint32_t i = 0; i < leaf.false_child; ++i) {
        const TreeEnsemble::Weight& weight = t.weights[leaf.true_child + i];
        scores[weight.target] += weight.value;
      }
    }
    const bool average = t.aggregate == TreeEnsemble::Aggregate::kAverage;
    for (std::size_t i = 0; i < t.targets; ++i) {
      if (average) scores[i] /= static_cast<double>(t.roots.size());
      if (!t.base_values.empty()) scores[i] += t.base_values[i];
    }
    double* result = scores + t.targets;
    const std::size_t winner = t.Finish({scores, t.targets}, {result, t.outputs});
    if (labels != nullptr) labels[row] = t.int_labels[winner];
    for (std::size_t i = 0; out != nullptr && i < t.outputs; ++i) {
      out[row * static_cast<std::int64_t>(t.outputs) + static_cast<std::int64_t>(i)] =
          static_cast<float>(result[i]);
    }
  }
};

StatusOr<std::unique_ptr<Kernel>> CreateTrees(const KernelRequest& request) {
  const TensorSpec& x = request.inputs[0];
  if (x.type != DataType::kFp32 || !request.node.post_ops.empty() || x.shape.elements() == 0) {
    return NotHere(request, "this type of features");
  }
  HADRON_ASSIGN_OR_RETURN(TreeEnsemble parsed, TreeEnsemble::Parse(request.node));
  const auto trees = std::make_shared<const TreeEnsemble>(std::move(parsed));
  const bool sums = trees->aggregate == TreeEnsemble::Aggregate::kSum ||
                    trees->aggregate == TreeEnsemble::Aggregate::kAverage;
  if (!sums || !trees->string_labels.empty()) return NotHere(request, "this kind of ensemble");
  const std::size_t scores = trees->classifier ? 1 : 0;
  const bool has_scores = request.node.HasOutput(scores);
  if (has_scores && request.outputs[scores].type != DataType::kFp32) {
    return NotHere(request, "this type of scores");
  }
  const std::int64_t width = x.shape[x.shape.rank() - 1];
  const std::int64_t rows = x.shape.elements() / width;
  const double work = static_cast<double>(rows) * static_cast<double>(trees->roots.size()) * 20;
  const bool has_labels = trees->classifier && request.node.HasOutput(0);
  HostKernelParts parts;
  parts.description = "native trees";
  parts.scratch_bytes =
      static_cast<std::uint64_t>(rows) * (trees->targets + trees->outputs) * sizeof(double);
  parts.bind = [=, threads = ThreadsFor(work, request.threads)](const KernelArgs& args) {
    TreesRun run{trees,
                 rows,
                 width,
                 Floats(args.inputs[0]),
                 nullptr,
                 nullptr,
                 reinterpret_cast<double*>(args.scratch.host)};
    if (has_scores) run.out = MutableFloats(args.outputs[scores]);
    if (has_labels) run.labels = reinterpret_cast<std::int64_t*>(args.outputs[0].host);
    return MakeLaunch([run, threads] {
      ParallelFor(threads, run.rows, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t row = first; row < last; ++row) run.Row(row);
      });
    });
  };
  return MakeHostKernel(std::move(parts));
}

}  // namespace

void RegisterTrees(KernelRegistry& registry) {
  for (const std::string_view op_type : {"TreeEnsembleClassifier", "TreeEnsembleRegressor"}) {
    registry.Add(BackendId::kNative,
                 {.domain = graph::kMlDomain, .op_type = op_type, .create = CreateTrees});
  }
}

}  // namespace hadron::backend::native
