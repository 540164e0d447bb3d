#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "base/status.h"
#include "graph/graph.h"
#include "graph/infer.h"
#include "plan/execution_plan.h"
#include "plan/weight_image.h"

namespace hadron::plan {

/// Makes one ExecutionPlan: resolves shapes, gives each node the best backend that takes it,
/// assigns layouts, inserts the copies and reorders between them, places tensors in memory.
/// Lives for one Build; not thread-safe.
class PlanBuilder {
 public:
  struct Options {
    const backend::KernelRegistry* kernels = nullptr;
    bool on_device = false;  ///< prefer device kernels
    bool reference_only = false;
    int threads = 1;
    bool winograd = true;     ///< see KernelRequest
    bool alias_parts = true;  ///< see EmitParts
    bool fuse_lines = true;   ///< see EmitChain
    /// The packed weights; null while it is not known yet what to pack: then `discovered` collects
    /// what the plan would need.
    const WeightImage* weights = nullptr;
    std::int64_t pieces = 1;  ///< runs of the steps that the I/O regions have room for
  };
  static constexpr std::uint64_t kArenaAlignment = 256;  ///< of the tensors in an arena

  PlanBuilder(const graph::Graph& graph, Options options);

  base::StatusOr<ExecutionPlan> Build(std::span<const tensor::Shape> input_shapes);
  std::vector<WeightUse>& discovered() { return discovered_; }

 private:
  /// What the plan does not need to keep of a tensor.
  struct Extra {
    std::uint32_t root;  ///< the tensor whose memory this one shares (itself if it has its own)
    std::uint64_t within = 0;  ///< where it starts in the root's memory
    Home home = Home::kHost;
    int first = 0;
    int last = 0;
  };
  struct Candidate {
    std::vector<backend::TensorSpec> inputs;
    std::vector<backend::TensorSpec> outputs;
  };
  /// What of a KernelRequest somebody has to own.
  struct Asked {
    std::vector<graph::ConstantRef> constants;
    std::vector<std::string> hints;
  };

  void MarkNeeded();
  void AddInputs(std::span<const tensor::Shape> input_shapes);
  base::Status EmitNode(const graph::Node& node);
  /// Nodes from here on that one kernel computes together (KernelEntry::chain); how many, 0: none.
  base::StatusOr<std::size_t> EmitChain(std::size_t first);
  /// How many nodes from here on each read the one before, and nobody else does.
  std::size_t ChainFrom(std::size_t first) const;
  bool EmitView(const graph::Node& node);
  /// Outputs that are a part of an input in one piece (range_view.h) are described, not copied,
  /// where their start is aligned as kernels need it.
  bool EmitParts(const graph::Node& node, const Candidate& candidate);
  /// Numbers (axes, bounds, ...) for kernels of either side: which one a node gets, or whether it
  /// is a view, may depend on the batch, and what is packed is decided once.
  void DiscoverPlain(graph::ValueId value);
  /// Nodes whose outputs have no element: a launch over nothing is an error on devices.
  bool EmitEmpty(const graph::Node& node, const Candidate& candidate);
  std::vector<backend::BackendId> BackendOrder() const;
  /// Of one node, or of several that a chain computes.
  base::Status EmitKernel(std::span<const graph::Node> nodes,
                          std::unique_ptr<backend::Kernel> kernel,
                          std::span<const Candidate> candidates);
  Candidate CandidateOf(const graph::Node& node) const;
  /// The inputs of one of a kernel's nodes; `chained`: without the first, which the kernel has.
  base::Status AddOperands(const graph::Node& node, const Candidate& candidate,
                           const backend::Kernel& kernel, bool chained, PlanStep& step);
  base::StatusOr<std::unique_ptr<backend::Kernel>> TryBackend(const graph::Node& node,
                                                              backend::BackendId backend,
                                                              Candidate& candidate);
  base::StatusOr<std::unique_ptr<backend::Kernel>> TryChain(const backend::KernelEntry& entry,
                                                            std::span<const graph::Node> nodes,
                                                            std::span<const Candidate> candidates);
  Asked AskedOf(const graph::Node& node, Home home);
  backend::KernelRequest RequestOf(const graph::Node& node, const Candidate& candidate,
                                   const Asked& asked) const;
  base::Status AddOutputs();
  base::Status AssignMemory();
  /// Lets outputs take the memory of inputs that die where the kernel allows it.
  void ShareInPlace();
  /// True unless the tensor is a part of another.
  bool IsWhole(std::uint32_t t) const;
  bool TakeOver(int now, const PlanStep& step, std::size_t input);

  std::vector<graph::ValueId> Operands(const graph::Node& node) const;
  void SetLayouts(const graph::Node& node, backend::LayoutRule rule, Candidate& candidate) const;
  bool FollowsChannelsLast(const graph::Node& node, const Candidate& candidate) const;
  bool HasVariant(graph::ValueId value, backend::Layout layout) const;
  /// The constant behind a value: of the model, or computed by shape inference. Null if none.
  graph::ConstantRef ConstantOf(graph::ValueId value);
  backend::TensorSpec SpecOf(graph::ValueId value) const;

  std::uint32_t AddTensor(graph::ValueId value, backend::TensorSpec spec, Home home);
  std::uint32_t AddAlias(graph::ValueId value, backend::TensorSpec spec, std::uint32_t of,
                         std::uint64_t within = 0);
  base::StatusOr<std::uint32_t> ConstantTensor(graph::ValueId value,
                                               const backend::Packing& packing, Home home);
  /// A tensor with the value in this place and layout; inserts the steps that bring it there.
  base::StatusOr<std::uint32_t> Obtain(graph::ValueId value, Home home, backend::Layout layout);
  base::StatusOr<std::uint32_t> Reorder(graph::ValueId value, std::uint32_t from,
                                        backend::Layout layout);
  /// Nothing when the device has no kernel that does it.
  std::optional<std::uint32_t> ReorderOnDevice(graph::ValueId value, std::uint32_t from,
                                               backend::Layout layout);
  std::uint32_t Move(graph::ValueId value, std::uint32_t from, Home home);
  void AddStep(PlanStep step);
  void PlaceInIo(PlanTensor& tensor);

  const graph::Graph& graph_;
  const Options options_;
  ExecutionPlan plan_;
  std::vector<graph::ValueFacts> facts_;
  std::vector<bool> needed_;                          ///< by node
  std::vector<int> uses_;                             ///< by value: readers, and outputs
  std::vector<Extra> extras_;                         ///< by tensor
  std::vector<std::vector<std::uint32_t>> variants_;  ///< by value: tensors that hold it
  std::map<graph::ValueId, graph::ConstantRef> computed_;
  std::vector<WeightUse> discovered_;
};

}  // namespace hadron::plan
