#include "graph/passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/infer.h"

namespace hadron::graph {

std::span<const Pass> AllPasses() {
  // Folding first: it turns what exporters compute into the constants the later passes look for.
  static constexpr std::array kPasses = {
      Pass{"fold_constants", FoldConstants},
      Pass{"remove_identities", RemoveIdentities},
      Pass{"merge_duplicates", MergeDuplicates},
      Pass{"compose_transposes", ComposeTransposes},
      Pass{"recover_activations", RecoverActivations},
      Pass{"recover_patterns", RecoverPatterns},
      Pass{"recover_pools", RecoverPools},
      Pass{"fold_batch_norm", FoldBatchNorm},
      Pass{"fuse_post_ops", FusePostOps},
      Pass{"merge_products", MergeProducts},
      Pass{"eliminate_dead", EliminateDead},
  };
  return kPasses;
}

base::Status RunPasses(Graph& graph, const PassContext& context,
                       std::span<const std::string> disabled) {
  for (const std::string& name : disabled) {
    if (std::ranges::find(AllPasses(), name, &Pass::name) == AllPasses().end()) {
      return base::InvalidArgument(fmt::format("there is no pass '{}'", name));
    }
  }
  for (const Pass& pass : AllPasses()) {
    if (std::ranges::find(disabled, pass.name) != disabled.end()) continue;
    base::Status status = pass.run(graph, context);
    if (!status.ok()) return std::move(status).With(fmt::format("pass {}", pass.name));
#ifndef NDEBUG
    base::Status sound = InferShapes(graph);
    if (!sound.ok()) return std::move(sound).With(fmt::format("after pass {}", pass.name));
#endif
  }
  return {};
}

}  // namespace hadron::graph
