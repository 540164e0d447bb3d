// Nodes one behind the other that one kernel computes together.
#include <algorithm>

#include "plan/plan_builder.h"

namespace hadron::plan {

using backend::BackendId;
using backend::Kernel;
using base::StatusOr;
using graph::Node;

StatusOr<std::unique_ptr<Kernel>> PlanBuilder::TryChain(const backend::KernelEntry& entry,
                                                        std::span<const Node> nodes,
                                                        std::span<const Candidate> candidates) {
  std::vector<Asked> asked;
  for (const Node& node : nodes) asked.push_back(AskedOf(node, Home::kHost));
  std::vector<backend::KernelRequest> requests;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    requests.push_back(RequestOf(nodes[i], candidates[i], asked[i]));
  }
  return entry.chain(requests);
}

std::size_t PlanBuilder::ChainFrom(std::size_t first) const {
  std::size_t count = 1;
  for (std::size_t i = first; i + 1 < graph_.nodes().size(); ++i, ++count) {
    const Node& node = graph_.nodes()[i];
    const Node& next = graph_.nodes()[i + 1];
    const bool reads = needed_[i + 1] && node.outputs.size() == 1 && next.HasInput(0) &&
                       next.inputs[0] == node.outputs[0] && uses_[node.outputs[0]] == 1;
    if (!reads || next.op_type != node.op_type || next.domain != node.domain) break;
  }
  return count;
}

StatusOr<std::size_t> PlanBuilder::EmitChain(std::size_t first) {
  constexpr std::size_t kLongest = 3;
  if (!options_.fuse_lines || !needed_[first] || BackendOrder().front() != BackendId::kNative) {
    return 0;
  }
  const Node& head = graph_.nodes()[first];
  const auto* entry = options_.kernels->Find(BackendId::kNative, head.domain, head.op_type);
  if (entry == nullptr || entry->chain == nullptr) return 0;
  for (std::size_t count = std::min(kLongest, ChainFrom(first)); count > 1; --count) {
    const std::span nodes = std::span(graph_.nodes()).subspan(first, count);
    std::vector<Candidate> candidates;
    for (const Node& node : nodes) {
      candidates.push_back(CandidateOf(node));
      SetLayouts(node, entry->layout, candidates.back());
    }
    auto kernel = TryChain(*entry, nodes, candidates);
    if (!kernel.ok() && kernel.code() != base::StatusCode::kUnimplemented) {
      return std::move(kernel).status();
    }
    if (!kernel.ok()) continue;
    HADRON_RETURN_IF_ERROR(EmitKernel(nodes, std::move(kernel).value(), candidates));
    plan_.steps.back().backend = BackendId::kNative;
    plan_.steps.back().node = static_cast<int>(first + count - 1);
    plan_.steps.back().nodes = static_cast<int>(count);
    return count;
  }
  return 0;
}

}  // namespace hadron::plan
