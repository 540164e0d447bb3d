#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "tensor/host_tensor.h"

namespace hadron::graph {

/// What passes need from the layers above: how to compute a constant, and which backends fuse what.
struct PassContext {
  /// Runs one node on constants (the reference implementation). Null: nothing is folded.
  std::function<base::StatusOr<std::vector<tensor::HostTensor>>(
      const Node&, std::span<const tensor::HostTensor>, std::span<const tensor::TensorDesc>)>
      evaluate;
  /// True when the kernel that will run the node can apply this post-op. Null: nothing is fused.
  std::function<bool(const Node&, const PostOp&)> can_fuse;
  /// Constants above this size are never computed, only deferred.
  std::uint64_t max_fold_bytes = std::uint64_t{64} << 20U;
};

/// Rewrites the graph in place; types and shapes of the values are kept up to date. Passes never
/// change results beyond rounding, and never touch
/// the bytes of constants above 64 KiB: they defer.
struct Pass {
  std::string_view name;
  base::Status (*run)(Graph&, const PassContext&);
};

/// All passes in the order in which they run.
std::span<const Pass> AllPasses();

/// Runs the passes that are not disabled; in debug builds the whole graph is inferred again after
/// each. INVALID_ARGUMENT for a disabled name that does not exist.
base::Status RunPasses(Graph& graph, const PassContext& context,
                       std::span<const std::string> disabled);

// The single passes, each in a file of its name.
base::Status FoldConstants(Graph& graph, const PassContext& context);
base::Status RemoveIdentities(Graph& graph, const PassContext& context);
base::Status ComposeTransposes(Graph& graph, const PassContext& context);
base::Status RecoverActivations(Graph& graph, const PassContext& context);
base::Status RecoverPatterns(Graph& graph, const PassContext& context);
base::Status RecoverPools(Graph& graph, const PassContext& context);
base::Status FoldBatchNorm(Graph& graph, const PassContext& context);
base::Status FusePostOps(Graph& graph, const PassContext& context);
base::Status MergeProducts(Graph& graph, const PassContext& context);
base::Status MergeDuplicates(Graph& graph, const PassContext& context);
base::Status EliminateDead(Graph& graph, const PassContext& context);

}  // namespace hadron::graph
