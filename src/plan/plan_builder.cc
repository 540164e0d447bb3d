#include "plan/plan_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "backend/reorder.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "plan/range_view.h"
#include "tensor/string_tensor.h"

namespace hadron::plan {
namespace {

using backend::BackendId;
using backend::Kernel;
using backend::Layout;
using backend::LayoutRule;
using backend::TensorSpec;
using base::Status;
using base::StatusOr;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;
using tensor::DataType;

constexpr std::uint64_t kIoAlignment = 64;
constexpr std::uint64_t kFewNumbers = 256;

/// What kernels may count on: the start of every tensor in a memory is a multiple of it.
std::uint64_t AlignmentAt(Home home) {
  return home == Home::kHost ? kIoAlignment : PlanBuilder::kArenaAlignment;
}

/// Operators whose output is input 0 with another shape: no work, only another description.
bool IsView(const Node& node) {
  static constexpr std::array<std::string_view, 6> kViews = {"Reshape",   "Flatten",  "Squeeze",
                                                             "Unsqueeze", "Identity", "Dropout"};
  return node.domain.empty() && std::ranges::find(kViews, node.op_type) != kViews.end() &&
         !node.HasOutput(1) && node.post_ops.empty();
}

/// True when all operands of the node lie alike although their shapes differ.
bool JoinsTensors(const Node& node) { return node.domain.empty() && node.op_type == "Concat"; }

bool TakesChannelsLast(const tensor::Shape& shape) {
  return shape.rank() >= 3 && shape.rank() <= 5;
}

/// Integer elements in the tensor's own type.
graph::ConstantRef FromElements(const graph::ValueFacts& facts, const std::string& name) {
  std::vector<std::byte> bytes(facts.elements->size() * tensor::ElementSize(facts.type));
  std::byte* at = bytes.data();
  for (const graph::Dim& dim : *facts.elements) {
    const std::int64_t value = dim.value();
    std::memcpy(at, &value, tensor::ElementSize(facts.type));  // little-endian: low bytes first
    at += tensor::ElementSize(facts.type);
  }
  return graph::Constant::FromTensor(
      {{name, facts.type, graph::ToShape(facts.shape)}, base::IoBuf::FromVector(std::move(bytes))});
}

}  // namespace

PlanBuilder::PlanBuilder(const graph::Graph& graph, Options options)
    : graph_(graph), options_(options), variants_(graph.value_count()) {}

StatusOr<ExecutionPlan> PlanBuilder::Build(std::span<const tensor::Shape> input_shapes) {
  plan_.input_shapes.assign(input_shapes.begin(), input_shapes.end());
  HADRON_ASSIGN_OR_RETURN(facts_, graph::ResolveFacts(graph_, plan_.input_shapes));
  MarkNeeded();
  AddInputs(input_shapes);
  for (std::size_t i = 0; i < graph_.nodes().size();) {
    HADRON_ASSIGN_OR_RETURN(const std::size_t together, EmitChain(i));
    if (together == 0 && needed_[i]) HADRON_RETURN_IF_ERROR(EmitNode(graph_.nodes()[i]));
    i += std::max<std::size_t>(together, 1);
  }
  HADRON_RETURN_IF_ERROR(AddOutputs());
  HADRON_RETURN_IF_ERROR(AssignMemory());
  return std::move(plan_);
}

std::vector<ValueId> PlanBuilder::Operands(const Node& node) const {
  std::vector<ValueId> operands = node.inputs;
  for (const graph::PostOp& op : node.post_ops) {
    if (op.operand != kNoValue) operands.push_back(op.operand);
  }
  return operands;
}

void PlanBuilder::MarkNeeded() {
  needed_.assign(graph_.nodes().size(), false);
  uses_.assign(graph_.value_count(), 0);
  std::vector<bool> wanted(graph_.value_count(), false);
  for (const auto& output : graph_.outputs()) {
    wanted[output.value] = true;
    ++uses_[output.value];
  }
  for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
    const Node& node = graph_.nodes()[i];
    // What shape inference has computed already (Shape, Gather of a shape, ...) never runs.
    for (const ValueId id : node.outputs) {
      if (id != kNoValue && wanted[id] && ConstantOf(id) == nullptr) needed_[i] = true;
    }
    if (!needed_[i]) continue;
    if (IsView(node)) {
      wanted[node.inputs[0]] = true;
      ++uses_[node.inputs[0]];
      continue;
    }
    for (const ValueId id : Operands(node)) {
      if (id == kNoValue) continue;
      wanted[id] = true;
      ++uses_[id];
    }
  }
}

graph::ConstantRef PlanBuilder::ConstantOf(ValueId value) {
  if (value == kNoValue) return nullptr;
  if (graph_.value(value).constant != nullptr) return graph_.value(value).constant;
  const graph::ValueFacts& facts = facts_[value];
  if (!facts.elements || !graph::FullyKnown(*facts.elements)) return nullptr;
  auto& computed = computed_[value];
  if (computed == nullptr) computed = FromElements(facts, graph_.value(value).name);
  return computed;
}

TensorSpec PlanBuilder::SpecOf(ValueId value) const {
  if (value == kNoValue) return {};
  return {facts_[value].type, graph::ToShape(facts_[value].shape), Layout::kPlain};
}

void PlanBuilder::PlaceInIo(PlanTensor& tensor) {
  tensor.space = Space::kIo;
  tensor.offset = plan_.io_bytes;
  tensor.piece_bytes = tensor.spec.bytes();
  const std::uint64_t bytes = tensor.piece_bytes * static_cast<std::uint64_t>(options_.pieces);
  plan_.io_bytes += base::AlignUp(std::max<std::uint64_t>(bytes, 1), kIoAlignment);
}

std::uint32_t PlanBuilder::AddTensor(ValueId value, TensorSpec spec, Home home) {
  const auto index = static_cast<std::uint32_t>(plan_.tensors.size());
  PlanTensor tensor;
  tensor.space = home == Home::kHost ? Space::kHostArena : Space::kDeviceArena;
  if (spec.type == DataType::kString) {
    tensor.space = Space::kStrings;
    tensor.offset = plan_.string_slots++;
  }
  tensor.spec = std::move(spec);
  plan_.tensors.push_back(std::move(tensor));
  const int now = static_cast<int>(plan_.steps.size());
  extras_.push_back({index, 0, home, now, now});
  if (value != kNoValue) variants_[value].push_back(index);
  return index;
}

std::uint32_t PlanBuilder::AddAlias(ValueId value, TensorSpec spec, std::uint32_t of,
                                    std::uint64_t within) {
  const auto index = static_cast<std::uint32_t>(plan_.tensors.size());
  PlanTensor tensor = plan_.tensors[of];
  tensor.spec = std::move(spec);
  plan_.tensors.push_back(std::move(tensor));
  extras_.push_back(extras_[of]);
  extras_.back().within += within;
  if (value != kNoValue) variants_[value].push_back(index);
  return index;
}

void PlanBuilder::AddStep(PlanStep step) {
  const int now = static_cast<int>(plan_.steps.size());
  for (const std::uint32_t t : step.inputs) {
    Extra& root = extras_[extras_[t].root];
    root.last = std::max(root.last, now);
  }
  for (const std::uint32_t t : step.outputs) {
    Extra& root = extras_[extras_[t].root];
    root.last = std::max(root.last, now);
  }
  plan_.steps.push_back(std::move(step));
}

void PlanBuilder::AddInputs(std::span<const tensor::Shape> input_shapes) {
  for (std::size_t i = 0; i < input_shapes.size(); ++i) {
    const ValueId value = graph_.inputs()[i];
    const std::uint32_t t = AddTensor(value, SpecOf(value), Home::kHost);
    PlanTensor& tensor = plan_.tensors[t];
    if (tensor.space != Space::kStrings) PlaceInIo(tensor);
    plan_.inputs.push_back(t);
  }
}

bool PlanBuilder::EmitView(const Node& node) {
  const ValueId from = node.inputs[0];
  const ValueId to = node.outputs[0];
  if (ConstantOf(from) != nullptr) return false;
  const bool same_shape = SpecOf(from).shape == SpecOf(to).shape;
  const std::vector<std::uint32_t> sources = variants_[from];
  bool done = false;
  for (const std::uint32_t source : sources) {
    const TensorSpec spec = plan_.tensors[source].spec;
    if (!same_shape && !backend::SameOrder(spec.layout, Layout::kPlain, spec.shape)) continue;
    TensorSpec target = SpecOf(to);
    if (same_shape) target.layout = spec.layout;
    AddAlias(to, std::move(target), source);
    done = true;
  }
  if (done) return true;
  auto plain = Obtain(from, Home::kHost, Layout::kPlain);
  if (!plain.ok()) return false;
  AddAlias(to, SpecOf(to), *plain);
  return true;
}

bool PlanBuilder::EmitParts(const Node& node, const Candidate& candidate) {
  if (!options_.alias_parts || !node.HasInput(0) || ConstantOf(node.inputs[0]) != nullptr) {
    return false;
  }
  std::vector<graph::ConstantRef> constants;
  for (const ValueId id : node.inputs) constants.push_back(ConstantOf(id));
  const auto starts = RangesOf(node, candidate.inputs, candidate.outputs, constants);
  if (!starts) return false;
  bool done = false;
  const std::vector<std::uint32_t> sources = variants_[node.inputs[0]];
  for (const std::uint32_t source : sources) {
    const TensorSpec& spec = plan_.tensors[source].spec;
    const auto aligned = [&, home = extras_[source].home](std::uint64_t start) {
      return (extras_[source].within + start) % AlignmentAt(home) == 0;
    };
    if (!backend::SameOrder(spec.layout, Layout::kPlain, spec.shape)) continue;
    if (!std::ranges::all_of(*starts, aligned)) continue;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      AddAlias(node.outputs[i], candidate.outputs[i], source, (*starts)[i]);
    }
    done = true;
  }
  for (const ValueId id : node.inputs) {
    if (done && id != kNoValue && graph_.value(id).constant != nullptr) DiscoverPlain(id);
  }
  return done;
}

void PlanBuilder::DiscoverPlain(ValueId value) {
  if (options_.weights != nullptr) return;
  discovered_.push_back({value, Home::kHost, {}});
  if (options_.on_device) discovered_.push_back({value, Home::kDevice, {}});
}

bool PlanBuilder::HasVariant(ValueId value, Layout layout) const {
  return std::ranges::any_of(variants_[value], [&](std::uint32_t t) {
    const TensorSpec& spec = plan_.tensors[t].spec;
    return backend::SameOrder(spec.layout, layout, spec.shape);
  });
}

bool PlanBuilder::FollowsChannelsLast(const Node& node, const Candidate& candidate) const {
  const tensor::Shape& shape = candidate.outputs[0].shape;
  if (!TakesChannelsLast(shape)) return false;
  const std::vector<ValueId> operands = Operands(node);
  bool found = false;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const TensorSpec& spec = candidate.inputs[i];
    if (spec.type == DataType::kInvalid || spec.shape.elements() == 1) continue;
    const bool constant = variants_[operands[i]].empty();
    const bool fits = JoinsTensors(node) ? spec.shape.rank() == shape.rank() : spec.shape == shape;
    if (constant || !fits) return false;
    found = found || !HasVariant(operands[i], Layout::kPlain);
  }
  return found;
}

void PlanBuilder::SetLayouts(const Node& node, LayoutRule rule, Candidate& candidate) const {
  Layout wanted = Layout::kPlain;
  if (rule == LayoutRule::kChannelsLast && TakesChannelsLast(candidate.outputs[0].shape)) {
    wanted = Layout::kChannelsLast;
  } else if (rule == LayoutRule::kFollow && FollowsChannelsLast(node, candidate)) {
    wanted = Layout::kChannelsLast;
  }
  const auto set = [wanted](TensorSpec& spec) {
    spec.layout = TakesChannelsLast(spec.shape) ? wanted : Layout::kPlain;
  };
  for (std::size_t i = 0; i < candidate.inputs.size(); ++i) {
    const bool data = rule == LayoutRule::kFollow || i == 0 || i >= node.inputs.size();
    candidate.inputs[i].layout = Layout::kPlain;
    if (data) set(candidate.inputs[i]);
  }
  for (TensorSpec& output : candidate.outputs) output.layout = Layout::kPlain;
  if (rule == LayoutRule::kFollow) {
    for (TensorSpec& output : candidate.outputs) set(output);
  } else {
    set(candidate.outputs[0]);
  }
}

StatusOr<std::unique_ptr<Kernel>> PlanBuilder::TryBackend(const Node& node, BackendId backend,
                                                          Candidate& candidate) {
  const auto* entry = backend == BackendId::kReference
                          ? nullptr
                          : options_.kernels->Find(backend, node.domain, node.op_type);
  if (entry == nullptr && backend != BackendId::kReference) {
    return base::Unimplemented(
        fmt::format("{}: not among the {} kernels", node.Label(), backend::BackendName(backend)));
  }
  if (entry != nullptr && entry->supports != nullptr && !entry->supports(node, candidate.inputs)) {
    return base::Unimplemented(node.Label());
  }
  SetLayouts(node, entry == nullptr ? LayoutRule::kPlain : entry->layout, candidate);
  const Home home = backend == BackendId::kOpenCl ? Home::kDevice : Home::kHost;
  const Asked asked = AskedOf(node, home);
  const backend::KernelRequest request = RequestOf(node, candidate, asked);
  return entry == nullptr ? backend::MakeReferenceKernel(request) : entry->create(request);
}

PlanBuilder::Asked PlanBuilder::AskedOf(const Node& node, Home home) {
  Asked asked;
  for (const ValueId id : Operands(node)) {
    asked.constants.push_back(ConstantOf(id));
    const bool packed = id != kNoValue && options_.weights != nullptr;
    asked.hints.push_back(packed ? options_.weights->PackingKey(id, home) : "");
  }
  return asked;
}

backend::KernelRequest PlanBuilder::RequestOf(const Node& node, const Candidate& candidate,
                                              const Asked& asked) const {
  return {node,        candidate.inputs, candidate.outputs, asked.constants,
          asked.hints, options_.threads, options_.winograd};
}

bool PlanBuilder::EmitEmpty(const Node& node, const Candidate& candidate) {
  for (const TensorSpec& output : candidate.outputs) {
    if (output.type != DataType::kInvalid && output.shape.elements() > 0) return false;
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.HasOutput(i)) AddTensor(node.outputs[i], candidate.outputs[i], Home::kHost);
  }
  return true;
}

std::vector<BackendId> PlanBuilder::BackendOrder() const {
  if (options_.reference_only) return {BackendId::kReference};
  if (!options_.on_device) return {BackendId::kNative, BackendId::kReference};
  return {BackendId::kOpenCl, BackendId::kNative, BackendId::kReference};
}

PlanBuilder::Candidate PlanBuilder::CandidateOf(const Node& node) const {
  Candidate candidate;
  for (const ValueId id : Operands(node)) candidate.inputs.push_back(SpecOf(id));
  for (const ValueId id : node.outputs) candidate.outputs.push_back(SpecOf(id));
  return candidate;
}

Status PlanBuilder::EmitNode(const Node& node) {
  if (IsView(node) && EmitView(node)) return {};
  Candidate candidate = CandidateOf(node);
  if (EmitEmpty(node, candidate) || EmitParts(node, candidate)) return {};
  Status refused;
  for (const BackendId backend : BackendOrder()) {
    auto kernel = TryBackend(node, backend, candidate);
    if (kernel.ok()) {
      HADRON_RETURN_IF_ERROR(EmitKernel({&node, 1}, std::move(kernel).value(), {&candidate, 1}));
      plan_.steps.back().backend = backend;
      plan_.steps.back().node = static_cast<int>(&node - graph_.nodes().data());
      return {};
    }
    refused = std::move(kernel).status();
    if (refused.code() != base::StatusCode::kUnimplemented) break;
  }
  return refused;
}

StatusOr<std::uint32_t> PlanBuilder::ConstantTensor(ValueId value, const backend::Packing& packing,
                                                    Home home) {
  const graph::ConstantRef constant = ConstantOf(value);
  PlanTensor tensor;
  tensor.spec = SpecOf(value);
  if (tensor.spec.type == DataType::kString) {
    HADRON_ASSIGN_OR_RETURN(const auto text, constant->Evaluate());
    HADRON_ASSIGN_OR_RETURN(auto strings,
                            tensor::DecodeStrings(text.bytes, tensor.spec.shape.elements()));
    tensor.space = Space::kStrings;
    tensor.offset = plan_.string_slots++;
    plan_.string_constants.emplace_back(static_cast<std::uint32_t>(tensor.offset),
                                        std::move(strings));
  } else if (graph_.value(value).constant == nullptr) {
    HADRON_ASSIGN_OR_RETURN(const auto computed, constant->Evaluate());
    tensor.space = Space::kConstant;
    tensor.offset = base::AlignUp<std::uint64_t>(plan_.constants.size(), 16);
    plan_.constants.resize(tensor.offset + computed.bytes.size());
    computed.bytes.CopyTo(std::span(plan_.constants).subspan(tensor.offset));
  } else {
    tensor.space = Space::kWeight;
    if (options_.weights == nullptr) {
      discovered_.push_back({value, home, packing});
      const bool few = graph_.value(value).constant->byte_size() <= kFewNumbers;
      if (few && packing.key.empty()) DiscoverPlain(value);
    } else {
      const WeightRef* ref = options_.weights->Find(value, home, packing.key);
      if (ref == nullptr) {
        return base::Internal(fmt::format("weights '{}' were not packed as '{}'",
                                          graph_.value(value).name, packing.key));
      }
      tensor.weight = *ref;
    }
  }
  plan_.tensors.push_back(std::move(tensor));
  const auto index = static_cast<std::uint32_t>(plan_.tensors.size() - 1);
  extras_.push_back({index, 0, home, 0, 0});
  return index;
}

Status PlanBuilder::AddOperands(const Node& node, const Candidate& candidate, const Kernel& kernel,
                                bool chained, PlanStep& step) {
  const Home home = kernel.on_device() ? Home::kDevice : Home::kHost;
  const std::vector<backend::Packing> packings = kernel.packings();
  const std::vector<ValueId> operands = Operands(node);
  for (std::size_t i = chained ? 1 : 0; i < operands.size(); ++i) {
    if (operands[i] == kNoValue) {
      plan_.tensors.emplace_back();
      const auto index = static_cast<std::uint32_t>(plan_.tensors.size() - 1);
      extras_.push_back({index, 0, home, 0, 0});
      step.inputs.push_back(index);
    } else if (ConstantOf(operands[i]) != nullptr) {
      const std::size_t at = step.inputs.size();
      const backend::Packing packing = at < packings.size() ? packings[at] : backend::Packing{};
      HADRON_ASSIGN_OR_RETURN(step.inputs.emplace_back(),
                              ConstantTensor(operands[i], packing, home));
    } else {
      HADRON_ASSIGN_OR_RETURN(step.inputs.emplace_back(),
                              Obtain(operands[i], home, candidate.inputs[i].layout));
    }
  }
  return {};
}

Status PlanBuilder::EmitKernel(std::span<const Node> nodes, std::unique_ptr<Kernel> kernel,
                               std::span<const Candidate> candidates) {
  const Home home = kernel->on_device() ? Home::kDevice : Home::kHost;
  PlanStep step;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    HADRON_RETURN_IF_ERROR(AddOperands(nodes[i], candidates[i], *kernel, i > 0, step));
  }
  const Node& node = nodes.back();
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    step.outputs.push_back(AddTensor(node.outputs[i], candidates.back().outputs[i], home));
  }
  if (const std::uint64_t scratch = kernel->scratch_bytes(); scratch > 0) {
    // Scratch is one more output that nobody reads; Bind finds it behind the node's outputs.
    step.outputs.push_back(AddTensor(
        kNoValue,
        {DataType::kUint8, tensor::Shape{static_cast<std::int64_t>(scratch)}, Layout::kPlain},
        home));
  }
  step.label = fmt::format("{} [{}]", node.Label(), kernel->description());
  step.kernel = std::move(kernel);
  AddStep(std::move(step));
  return {};
}

std::uint32_t PlanBuilder::Move(ValueId value, std::uint32_t from, Home home) {
  const std::uint32_t to = AddTensor(value, plan_.tensors[from].spec, home);
  PlanStep step;
  step.kind = home == Home::kDevice ? PlanStep::Kind::kUpload : PlanStep::Kind::kDownload;
  step.inputs = {from};
  step.outputs = {to};
  step.label = fmt::format("{} '{}'", home == Home::kDevice ? "upload" : "download",
                           value == kNoValue ? "" : graph_.value(value).name);
  AddStep(std::move(step));
  return to;
}

StatusOr<std::uint32_t> PlanBuilder::Reorder(ValueId value, std::uint32_t from, Layout layout) {
  TensorSpec target = plan_.tensors[from].spec;
  target.layout = layout;
  HADRON_ASSIGN_OR_RETURN(
      auto kernel, backend::MakeReorderKernel(plan_.tensors[from].spec, target, options_.threads));
  const std::uint32_t to = AddTensor(value, target, Home::kHost);
  PlanStep step;
  step.inputs = {from};
  step.outputs = {to};
  step.label = fmt::format("reorder '{}' [{}]", graph_.value(value).name, kernel->description());
  step.backend = BackendId::kNative;
  step.kernel = std::move(kernel);
  AddStep(std::move(step));
  return to;
}

std::optional<std::uint32_t> PlanBuilder::ReorderOnDevice(ValueId value, std::uint32_t from,
                                                          Layout layout) {
  const auto* entry = options_.kernels->Find(BackendId::kOpenCl, "hadron", "Reorder");
  if (entry == nullptr) return std::nullopt;
  const TensorSpec source = plan_.tensors[from].spec;
  TensorSpec target = source;
  target.layout = layout;
  Node node;
  node.name = graph_.value(value).name;
  node.op_type = "Reorder";
  auto kernel = entry->create({node, std::span(&source, 1), std::span(&target, 1), {}, {}});
  if (!kernel.ok()) return std::nullopt;
  const std::uint32_t to = AddTensor(value, std::move(target), Home::kDevice);
  PlanStep step;
  step.inputs = {from};
  step.outputs = {to};
  step.label = fmt::format("reorder '{}' [{}]", node.name, (*kernel)->description());
  step.backend = BackendId::kOpenCl;
  step.kernel = std::move(*kernel);
  AddStep(std::move(step));
  return to;
}

StatusOr<std::uint32_t> PlanBuilder::Obtain(ValueId value, Home home, Layout layout) {
  HADRON_CHECK(!variants_[value].empty());
  const auto find = [&](Home h, bool any_layout) -> std::optional<std::uint32_t> {
    for (const std::uint32_t t : variants_[value]) {
      const TensorSpec& spec = plan_.tensors[t].spec;
      if (extras_[t].home != h) continue;
      if (any_layout || backend::SameOrder(spec.layout, layout, spec.shape)) return t;
    }
    return std::nullopt;
  };
  if (const auto exact = find(home, false)) {
    TensorSpec spec = plan_.tensors[*exact].spec;
    if (spec.layout == layout) return *exact;
    spec.layout = layout;
    return AddAlias(value, std::move(spec), *exact);
  }
  const Home other = home == Home::kHost ? Home::kDevice : Home::kHost;
  if (const auto elsewhere = find(other, false)) return Move(value, *elsewhere, home);
  // Layouts change where the tensor is, on devices that have a kernel for it.
  if (const auto on_device = find(Home::kDevice, true)) {
    if (const auto ordered = ReorderOnDevice(value, *on_device, layout)) {
      return home == Home::kDevice ? *ordered : Move(value, *ordered, home);
    }
  }
  auto on_host = find(Home::kHost, true);
  if (!on_host) on_host = Move(value, *find(Home::kDevice, true), Home::kHost);
  HADRON_ASSIGN_OR_RETURN(const std::uint32_t ordered, Reorder(value, *on_host, layout));
  return home == Home::kHost ? ordered : Move(value, ordered, home);
}

Status PlanBuilder::AddOutputs() {
  std::vector<bool> taken(extras_.size(), false);
  for (const auto& output : graph_.outputs()) {
    std::uint32_t t = 0;
    if (ConstantOf(output.value) != nullptr) {
      HADRON_ASSIGN_OR_RETURN(t, ConstantTensor(output.value, {}, Home::kHost));
    } else {
      HADRON_ASSIGN_OR_RETURN(t, Obtain(output.value, Home::kHost, Layout::kPlain));
    }
    taken.resize(extras_.size(), false);
    const std::uint32_t root = extras_[t].root;
    PlanTensor& owner = plan_.tensors[root];
    if (plan_.tensors[t].space == Space::kStrings) {
      plan_.outputs.push_back(t);  // slots are read where they are
    } else if (owner.space == Space::kHostArena && !taken[root] && IsWhole(t)) {
      taken[root] = true;
      PlaceInIo(owner);
      plan_.outputs.push_back(t);
    } else {
      const std::uint32_t copy = AddTensor(kNoValue, plan_.tensors[t].spec, Home::kHost);
      PlaceInIo(plan_.tensors[copy]);
      PlanStep step;
      step.kind = PlanStep::Kind::kCopy;
      step.inputs = {t};
      step.outputs = {copy};
      step.label = fmt::format("copy to output '{}'", output.name);
      AddStep(std::move(step));
      plan_.outputs.push_back(copy);
    }
  }
  return {};
}

}  // namespace hadron::plan
