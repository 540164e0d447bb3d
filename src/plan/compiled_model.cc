#include "plan/compiled_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <variant>

#include "backend/reference_executor.h"
#include "base/bytes.h"
#include "base/sha256.h"
#include "graph/infer.h"
#include "graph/passes.h"
#include "plan/io_traffic.h"
#include "plan/plan_builder.h"
#include "plan/row_split.h"

namespace hadron::plan {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kSmallConstant = 64 * 1024;

std::vector<std::int64_t> Buckets(const CompileOptions& options) {
  if (options.max_batch <= 0) return {1};
  std::vector<std::int64_t> buckets = options.preferred_batches;
  for (std::int64_t b = 1; b < options.max_batch; b *= 2) buckets.push_back(b);
  buckets.push_back(options.max_batch);
  std::erase_if(buckets, [&](std::int64_t b) { return b < 1 || b > options.max_batch; });
  std::ranges::sort(buckets);
  buckets.erase(std::ranges::unique(buckets).begin(), buckets.end());
  return buckets;
}

/// A post-op is fused when the first backend that has the operator can do it; the others follow
/// (the reference can do all).
graph::PassContext MakePassContext(const CompileOptions& options,
                                   const backend::KernelRegistry& kernels, bool on_device) {
  graph::PassContext context;
  context.evaluate = backend::RunReference;
  context.max_fold_bytes = options.max_fold_bytes;
  context.can_fuse = [&kernels, on_device](const graph::Node& node, const graph::PostOp& op) {
    for (const auto id : {backend::BackendId::kOpenCl, backend::BackendId::kNative}) {
      if (id == backend::BackendId::kOpenCl && !on_device) continue;
      const auto* entry = kernels.Find(id, node.domain, node.op_type);
      if (entry != nullptr) return entry->fuses != nullptr && entry->fuses(op);
    }
    return false;
  };
  return context;
}

/// A constant without its bytes: they are in the weight image, packed as the kernels want them.
graph::ConstantRef WithoutBytes(const graph::Constant& constant) {
  return graph::Constant::Deferred(
      constant.desc(), {}, [name = constant.desc().name](std::span<const tensor::HostTensor>) {
        return StatusOr<base::IoBuf>(base::Internal(
            fmt::format("the bytes of weights '{}' were dropped after packing", name)));
      });
}

/// Drops the bytes of large constants and of what small ones were computed from: with them a loaded
/// model would be in memory twice. Small ones stay, since plans for other shapes may ask for their
/// values (bounds, axes), and so do strings, which no image holds.
void DropConstants(graph::Graph& graph) {
  std::map<const graph::Constant*, graph::ConstantRef> lasting;
  for (std::size_t id = 0; id < graph.value_count(); ++id) {
    graph::ConstantRef& constant = graph.value(static_cast<graph::ValueId>(id)).constant;
    if (constant == nullptr) continue;
    graph::ConstantRef& kept = lasting[constant.get()];
    if (kept == nullptr) {
      const bool strings = constant->type() == tensor::DataType::kString;
      kept = constant;
      if (!strings && constant->byte_size() > kSmallConstant) {
        kept = WithoutBytes(*constant);
      } else if (constant->deferred()) {
        auto tensor = constant->Evaluate();
        kept = tensor.ok() ? graph::Constant::FromTensor(std::move(tensor).value())
                           : WithoutBytes(*constant);
      }
    }
    constant = kept;
  }
}

void HashText(base::Sha256& hash, std::string_view text) {
  hash.Update(base::AsBytes(text));
  hash.Update(std::array{std::byte{0}});
}

/// An attribute as text that tells different values apart.
struct AttributeText {
  std::string operator()(std::int64_t value) const { return fmt::format("i{}", value); }
  std::string operator()(float value) const { return fmt::format("f{:a}", value); }
  std::string operator()(const std::string& value) const { return "s" + value; }
  std::string operator()(const graph::ConstantRef& value) const {
    const auto tensor = value->Evaluate();
    return fmt::format("{}{}:{}", tensor::DataTypeName(value->type()), value->shape().ToString(),
                       tensor.ok() ? tensor->bytes.ToString() : "");
  }
  std::string operator()(const std::shared_ptr<const graph::Graph>&) const { return "graph"; }
  std::string operator()(const graph::OtherAttribute& value) const { return value.kind; }
  template <typename T>
  std::string operator()(const std::vector<T>& values) const {
    std::string text = fmt::format("{}[", values.size());
    for (const T& value : values) text += (*this)(value) + ",";
    return text;
  }
};

PlacementCounts Count(const ExecutionPlan& plan) {
  PlacementCounts counts;
  for (const PlanStep& step : plan.steps) {
    if (step.kind != PlanStep::Kind::kKernel) {
      ++counts.copies;
    } else {
      ++(step.kernel->on_device() ? counts.device : counts.host);
    }
  }
  return counts;
}

std::string PlanHash(const graph::Graph& graph, const WeightImage& weights,
                     const std::string& device_class) {
  base::Sha256 hash;
  HashText(hash, device_class);
  for (const graph::Node& node : graph.nodes()) {
    HashText(hash, fmt::format("{}.{}:{} {} -> {}", node.domain, node.op_type, node.since_version,
                               fmt::join(node.inputs, ","), fmt::join(node.outputs, ",")));
    for (const auto& [name, value] : node.attributes.all()) {
      HashText(hash, fmt::format("{}={}", name, std::visit(AttributeText(), value)));
    }
    for (const graph::PostOp& op : node.post_ops) {
      HashText(hash, fmt::format("{} {} {}", static_cast<int>(op.kind), op.a, op.b));
    }
  }
  for (const auto& segment : weights.segments()) hash.Update(segment.hash);
  return base::ToHex(hash.Finish()).substr(0, 16);
}

}  // namespace

StatusOr<std::shared_ptr<const CompiledModel>> CompiledModel::Compile(
    graph::Graph graph, CompileOptions options, const backend::KernelRegistry& kernels,
    device::Device& device, device::Device& host) {
  auto model = std::shared_ptr<CompiledModel>(new CompiledModel);  // NOLINT: private constructor
  model->on_device_ = device.info().kind != device::DeviceKind::kHost;
  model->device_class_ = device.info().device_class;
  model->buckets_ = Buckets(options);
  model->kernels_ = &kernels;
  const graph::PassContext context = MakePassContext(options, kernels, model->on_device_);
  std::vector<std::string> disabled = options.disabled_passes;
  model->winograd_ = std::erase(disabled, "winograd") == 0;
  model->alias_parts_ = std::erase(disabled, "alias_parts") == 0;
  model->fuse_lines_ = std::erase(disabled, "fuse_lines") == 0;
  if (std::erase(disabled, "split_rows") > 0) options.split_rows = false;
  HADRON_RETURN_IF_ERROR(graph::RunPasses(graph, context, disabled));
  HADRON_RETURN_IF_ERROR(graph::InferShapes(graph));
  model->graph_ = std::make_shared<graph::Graph>(std::move(graph));
  const WeightImage::PackOptions packing{options.owner,
                                         std::exchange(options.shared_segments, nullptr),
                                         std::exchange(options.packed, {})};
  model->options_ = std::move(options);

  HADRON_ASSIGN_OR_RETURN(const auto shapes, model->RepresentativeShapes());
  PlanBuilder builder(*model->graph_, model->BuilderOptions());
  HADRON_ASSIGN_OR_RETURN(const ExecutionPlan representative, builder.Build(shapes));
  model->placement_ = Count(representative);
  HADRON_ASSIGN_OR_RETURN(
      model->weights_,
      WeightImage::Pack(*model->graph_, std::move(builder.discovered()), host, packing));
  DropConstants(*model->graph_);
  model->plan_hash_ = PlanHash(*model->graph_, *model->weights_, model->device_class_);
  return std::shared_ptr<const CompiledModel>(std::move(model));
}

std::shared_ptr<const CompiledModel> CompiledModel::Over(
    std::shared_ptr<const WeightImage> weights) const {
  auto model = std::shared_ptr<CompiledModel>(new CompiledModel(*this));  // NOLINT
  model->weights_ = std::move(weights);
  return model;
}

PlanBuilder::Options CompiledModel::BuilderOptions() const {
  return {.kernels = kernels_,
          .on_device = on_device_,
          .reference_only = options_.reference_only,
          .threads = options_.threads,
          .winograd = winograd_,
          .alias_parts = alias_parts_,
          .fuse_lines = fuse_lines_,
          .weights = weights_.get()};
}

StatusOr<std::vector<tensor::Shape>> CompiledModel::RepresentativeShapes() const {
  for (const auto& shapes : options_.typical_shapes) {
    if (graph::ResolveFacts(*graph_, shapes).ok()) return shapes;
  }
  // The largest batch decides how weights are packed. Other free dimensions have no largest value:
  // the first size that the model accepts stands for all.
  static constexpr std::array<std::int64_t, 8> kSizes = {64, 32, 128, 16, 8, 4, 2, 1};
  Status last;
  for (const std::int64_t size : kSizes) {
    std::vector<tensor::Shape> shapes;
    for (const graph::ValueId id : graph_->inputs()) {
      tensor::Shape shape = graph::ToShape(graph_->value(id).shape);
      for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
        if (axis == 0 && options_.max_batch > 0) shape[axis] = buckets_.back();
        if (shape[axis] < 0) shape[axis] = size;
      }
      shapes.push_back(std::move(shape));
    }
    auto facts = graph::ResolveFacts(*graph_, shapes);
    if (facts.ok()) return shapes;
    last = std::move(facts).status();
  }
  return std::move(last).With("no input shape was found that the model accepts");
}

StatusOr<ExecutionPlan> CompiledModel::Build(std::span<const tensor::Shape> shapes,
                                             std::int64_t pieces) const {
  std::vector<tensor::Shape> piece(shapes.begin(), shapes.end());
  for (tensor::Shape& shape : piece) {
    if (pieces > 1) shape[0] /= pieces;
  }
  PlanBuilder::Options options = BuilderOptions();
  options.pieces = pieces;
  PlanBuilder builder(*graph_, options);
  HADRON_ASSIGN_OR_RETURN(ExecutionPlan plan, builder.Build(piece));
  plan.input_shapes.assign(shapes.begin(), shapes.end());
  if (options_.max_batch > 0 && !shapes.empty()) plan.rows = shapes[0][0];
  plan.pieces = pieces;
  plan.ends = FindDeviceEnds(plan);
  return plan;
}

StatusOr<std::shared_ptr<const ExecutionPlan>> CompiledModel::SpecialiseWhole(
    std::span<const tensor::Shape> input_shapes) const {
  if (input_shapes.size() != graph_->inputs().size()) {
    return base::InvalidArgument(fmt::format("the model has {} inputs, {} shapes were given",
                                             graph_->inputs().size(), input_shapes.size()));
  }
  HADRON_ASSIGN_OR_RETURN(ExecutionPlan plan, Build(input_shapes, 1));
  return std::make_shared<const ExecutionPlan>(std::move(plan));
}

StatusOr<std::shared_ptr<const ExecutionPlan>> CompiledModel::Specialise(
    std::span<const tensor::Shape> input_shapes) const {
  HADRON_ASSIGN_OR_RETURN(auto whole, SpecialiseWhole(input_shapes));
  const std::int64_t pieces = options_.split_rows ? ChoosePieces(*whole) : 1;
  if (pieces == 1) return whole;
  HADRON_ASSIGN_OR_RETURN(ExecutionPlan plan, Build(input_shapes, pieces));
  return std::make_shared<const ExecutionPlan>(std::move(plan));
}

std::int64_t CompiledModel::BucketFor(std::int64_t rows) const {
  const auto it = std::ranges::lower_bound(buckets_, rows);
  return it == buckets_.end() ? rows : *it;
}

std::string ExecutionPlan::Listing() const {
  std::string text;
  for (const PlanStep& step : steps) text += step.label + "\n";
  return text;
}

}  // namespace hadron::plan
