#include "onnx/import/expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "onnx.pb.h"

namespace hadron::onnx {
namespace {

using base::ResourceExhausted;
using base::Status;
using base::StatusOr;

/// What one body becomes: its nodes, calls included, and how deep calls nest inside it.
struct Expansion {
  std::int64_t nodes = 0;
  int depth = 0;
};

/// Depth first through the calls. The recursion is as deep as the calls may nest.
class ExpansionCounter {
 public:
  ExpansionCounter(const FunctionTable& functions, const LoadLimits& limits)
      : functions_(functions), limits_(limits) {}

  template <typename Nodes>
  StatusOr<Expansion> OfBody(const Nodes& nodes) {
    Expansion total;
    for (const auto& node : nodes) {
      Expansion callee;
      if (const Function* function = functions_.Find(node)) {
        HADRON_ASSIGN_OR_RETURN(callee, OfFunction(*function));
        ++callee.depth;
      }
      total.nodes += 1 + callee.nodes;
      total.depth = std::max(total.depth, callee.depth);
      if (total.nodes > limits_.max_nodes) {
        return ResourceExhausted(fmt::format(
            "the model has more than {} nodes after its functions are inlined", limits_.max_nodes));
      }
    }
    return total;
  }

  StatusOr<Expansion> OfFunction(const Function& function) {
    const std::string label = FunctionLabel(*function.proto);
    if (std::ranges::find(stack_, &function) != stack_.end()) {
      return base::InvalidArgument(
          fmt::format("{} is recursive: it calls itself, directly or through others", label));
    }
    const auto known = done_.find(&function);
    const int inner = known == done_.end() ? 0 : known->second.depth;
    if (static_cast<int>(stack_.size()) + 1 + inner > limits_.max_depth) {
      return ResourceExhausted(
          fmt::format("{}: functions call each other deeper than {}", label, limits_.max_depth));
    }
    if (known != done_.end()) return known->second;
    stack_.push_back(&function);
    auto expansion = OfBody(function.proto->node());
    stack_.pop_back();
    if (!expansion.ok()) return std::move(expansion).status();
    done_.emplace(&function, *expansion);
    return *expansion;
  }

 private:
  const FunctionTable& functions_;
  const LoadLimits& limits_;
  std::vector<const Function*> stack_;
  std::unordered_map<const Function*, Expansion> done_;
};

}  // namespace

Status CheckExpansion(const ::onnx_wire::GraphProto& graph, const FunctionTable& functions,
                      const LoadLimits& limits) {
  if (functions.all().empty()) return {};
  ExpansionCounter counter(functions, limits);
  HADRON_RETURN_IF_ERROR(counter.OfBody(graph.node()).status());
  for (const auto& [key, function] : functions.all()) {
    HADRON_RETURN_IF_ERROR(counter.OfFunction(function).status());
  }
  return {};
}

}  // namespace hadron::onnx
