#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "base/status.h"
#include "device/device.h"
#include "graph/graph.h"
#include "plan/execution_plan.h"
#include "plan/plan_builder.h"
#include "plan/weight_image.h"

namespace hadron::plan {

struct CompileOptions {
  /// Largest batch of the model, 0 = dimension 0 is no batch dimension.
  std::int64_t max_batch = 0;
  std::vector<std::int64_t> preferred_batches;
  /// Names of passes to leave out (graph/passes.h), and what plans are built without: "winograd",
  /// that algorithm, "alias_parts", parts of tensors that are not copied, "fuse_lines",
  /// convolutions that are computed together, and "split_rows".
  std::vector<std::string> disabled_passes;
  /// Constants larger than this are never computed at load time.
  std::uint64_t max_fold_bytes = std::uint64_t{64} << 20U;
  int threads = 1;
  /// Input shapes for which weights are packed, the first that the model accepts; none: any it
  /// does.
  std::vector<std::vector<tensor::Shape>> typical_shapes = {};
  /// Large batches may run in pieces of rows, one after the other: right for models whose rows do
  /// not depend on each other, as those that batch promise.
  bool split_rows = true;
  /// Skip every backend but the reference: the oracle of tests.
  bool reference_only = false;
  std::string owner = "model";  ///< in the memory ledgers
  /// Packed weights that other models hold in host memory are shared with them; null: with nobody.
  /// Not kept, as the next one.
  SharedSegments* shared_segments = nullptr;
  /// See WeightImage::PackOptions.
  std::function<void(const WeightImage&, std::uint32_t segment)> packed = {};
};

/// Where the steps of a plan run. On the host device everything runs on the host.
struct PlacementCounts {
  int device = 0;
  int host = 0;
  int copies = 0;  ///< between the two, or to outputs
};

/// A model optimised and packed for one device: everything but the addresses. Plans for concrete
/// input shapes are made on demand (load threads) and kept in a PlanCache.
/// Immutable, thread-safe. Errors: UNIMPLEMENTED names the operators no backend takes.
class CompiledModel {
 public:
  static base::StatusOr<std::shared_ptr<const CompiledModel>> Compile(
      graph::Graph graph, CompileOptions options, const backend::KernelRegistry& kernels,
      device::Device& device, device::Device& host);

  /// The same model over another copy of its weights.
  std::shared_ptr<const CompiledModel> Over(std::shared_ptr<const WeightImage> weights) const;

  /// The plan for these input shapes (one per graph input). INVALID_ARGUMENT when the model cannot
  /// take them. May take milliseconds: primitives are compiled.
  base::StatusOr<std::shared_ptr<const ExecutionPlan>> Specialise(
      std::span<const tensor::Shape> input_shapes) const;
  /// The same in one piece.
  base::StatusOr<std::shared_ptr<const ExecutionPlan>> SpecialiseWhole(
      std::span<const tensor::Shape> input_shapes) const;
  /// Smallest bucket of at least `rows` (1 for models that do not batch).
  std::int64_t BucketFor(std::int64_t rows) const;

  const graph::Graph& graph() const { return *graph_; }
  const std::shared_ptr<const WeightImage>& weights() const { return weights_; }
  const std::vector<std::int64_t>& buckets() const { return buckets_; }
  const CompileOptions& options() const { return options_; }
  /// Hash of what was compiled (graph, passes, weights, device class): equal hashes, equal bytes.
  const std::string& plan_hash() const { return plan_hash_; }
  const std::string& device_class() const { return device_class_; }
  /// Of the plan for the largest batch.
  const PlacementCounts& placement() const { return placement_; }

 private:
  CompiledModel() = default;
  base::StatusOr<std::vector<tensor::Shape>> RepresentativeShapes() const;
  base::StatusOr<ExecutionPlan> Build(std::span<const tensor::Shape> shapes,
                                      std::int64_t pieces) const;
  PlanBuilder::Options BuilderOptions() const;

  std::shared_ptr<graph::Graph> graph_;  ///< not changed once compiled
  CompileOptions options_;
  const backend::KernelRegistry* kernels_ = nullptr;
  bool winograd_ = true;
  bool alias_parts_ = true;
  bool fuse_lines_ = true;
  bool on_device_ = false;
  std::vector<std::int64_t> buckets_;
  std::shared_ptr<const WeightImage> weights_;
  PlacementCounts placement_;
  std::string plan_hash_;
  std::string device_class_;
};

}  // namespace hadron::plan
