#include "cli/explain/plan_report.h"

#include <fmt/format.h>

#include <array>
#include <tuple>

#include "tensor/data_type.h"

namespace hadron::cli::explain {
namespace {

using backend::Layout;
using plan::ExecutionPlan;
using plan::PlanStep;
using plan::PlanTensor;
using plan::Space;

std::string PostOpName(const graph::PostOp& op) {
  const graph::PostOpInfo& info = graph::InfoOf(op.kind);
  if (info.numbers == 0) return std::string(info.name);
  if (info.numbers == 1) return fmt::format("{}({:g})", info.name, op.a);
  return fmt::format("{}({:g},{:g})", info.name, op.a, op.b);
}

std::string LayoutName(const backend::TensorSpec& spec) {
  if (spec.shape.rank() < 3 ||
      backend::SameOrder(Layout::kPlain, Layout::kChannelsLast, spec.shape)) {
    return "";
  }
  return spec.layout == Layout::kChannelsLast ? "channels-last" : "plain";
}

StepKind KindOf(const PlanStep& step) {
  if (step.kind != PlanStep::Kind::kKernel) return StepKind::kCopy;
  if (step.node < 0) return StepKind::kReorder;
  switch (step.backend) {
    case backend::BackendId::kNative:
      return StepKind::kNative;
    case backend::BackendId::kOpenCl:
      return StepKind::kOpenCl;
    case backend::BackendId::kReference:
      break;
  }
  return StepKind::kReference;
}

std::string CopyName(PlanStep::Kind kind) {
  switch (kind) {
    case PlanStep::Kind::kUpload:
      return "upload";
    case PlanStep::Kind::kDownload:
      return "download";
    case PlanStep::Kind::kCopy:
      return "copy";
    case PlanStep::Kind::kKernel:
      break;
  }
  return "reorder";
}

/// What stands between the first and the last quote of a label: the tensor's name.
std::string Quoted(const std::string& label) {
  const std::size_t begin = label.find('\'');
  const std::size_t end = label.rfind('\'');
  return begin < end ? label.substr(begin + 1, end - begin - 1) : label;
}

/// Kernels' names begin with their backend's, which has a column of its own.
std::string Algorithm(const std::string& description) {
  for (const std::string_view backend : {"native ", "opencl ", "opencl:", "reference "}) {
    if (description.starts_with(backend)) return description.substr(backend.size());
  }
  return description;
}

/// Builds the entries and remembers where each tensor's bytes come from.
class Describer {
 public:
  Describer(const plan::CompiledModel& model, const ExecutionPlan& plan,
            std::vector<Entry>& entries)
      : graph_(model.graph()), plan_(plan), entries_(entries) {}

  void AddInput(std::size_t index) {
    Entry entry;
    entry.kind = StepKind::kInput;
    entry.op = "input";
    entry.node = graph_.value(graph_.inputs()[index]).name;
    AddOutput(plan_.inputs[index], entry);
    entries_.push_back(std::move(entry));
  }

  void AddStep(std::size_t index, const plan::StepTime& time) {
    const PlanStep& step = plan_.steps[index];
    Entry entry;
    entry.kind = KindOf(step);
    entry.step = static_cast<int>(index);
    entry.time = time;
    if (step.kernel != nullptr) entry.kernel = Algorithm(step.kernel->description());
    if (step.node < 0) {
      entry.op = CopyName(step.kind);
      entry.node = Quoted(step.label);
    } else {
      AddNodes(step, entry);
    }
    for (const std::uint32_t t : step.inputs) AddStepInput(t, entry);
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      const bool scratch = i + 1 == step.outputs.size() && step.kernel != nullptr &&
                           step.kernel->scratch_bytes() > 0;
      if (scratch) {
        entry.scratch_bytes = step.kernel->scratch_bytes();
      } else {
        AddOutput(step.outputs[i], entry);
      }
    }
    entries_.push_back(std::move(entry));
  }

  void AddGraphOutput(std::size_t index) {
    Entry entry;
    entry.kind = StepKind::kOutput;
    entry.op = "output";
    entry.node = graph_.outputs()[index].name;
    entry.inputs.push_back(FlowOf(plan_.outputs[index]));
    entries_.push_back(std::move(entry));
  }

 private:
  using Place = std::tuple<Space, std::uint64_t>;
  struct Maker {
    std::uint64_t end = 0;  ///< of what it made
    int entry = 0;
  };

  void AddNodes(const PlanStep& step, Entry& entry) const {
    for (int i = step.node + 1 - step.nodes; i <= step.node; ++i) {
      const graph::Node& node = graph_.nodes()[static_cast<std::size_t>(i)];
      if (entry.op.empty()) {
        entry.op = node.op_type;
        entry.node = node.name;
      } else {
        entry.fused.push_back(node.op_type);
        entry.node += ", " + node.name;
      }
      for (const graph::PostOp& op : node.post_ops) entry.fused.push_back(PostOpName(op));
    }
  }

  void AddStepInput(std::uint32_t t, Entry& entry) const {
    const PlanTensor& tensor = plan_.tensors[t];
    if (tensor.space == Space::kNone) return;
    if (tensor.space == Space::kWeight) {
      entry.weight_bytes += tensor.weight.bytes;
    } else if (tensor.space != Space::kConstant) {
      entry.inputs.push_back(FlowOf(t));
    }
  }

  void AddOutput(std::uint32_t t, Entry& entry) {
    const PlanTensor& tensor = plan_.tensors[t];
    if (tensor.space == Space::kNone || tensor.spec.type == tensor::DataType::kInvalid) return;
    entry.outputs.push_back(FlowOf(t));
    entry.output_bytes += tensor.spec.bytes();
    // Empty tensors have no place of their own.
    if (tensor.space != Space::kStrings && tensor.spec.bytes() == 0) return;
    Forget(tensor);
    makers_[{tensor.space, tensor.offset}] = {tensor.offset + tensor.spec.bytes(),
                                              static_cast<int>(entries_.size())};
  }

  /// What lay where the tensor is written now.
  void Forget(const PlanTensor& tensor) {
    const std::uint64_t end = tensor.offset + tensor.spec.bytes();
    std::erase_if(makers_, [&](const auto& maker) {
      const auto& [space, begin] = maker.first;
      return space == tensor.space && begin < end && tensor.offset < maker.second.end;
    });
  }

  /// The entry that wrote a place last made what is read there now: views share their origin's, or
  /// a part of it.
  int MakerOf(const PlanTensor& tensor) const {
    const auto behind = makers_.upper_bound({tensor.space, tensor.offset});
    if (behind == makers_.begin()) return Flow::kConstant;
    const auto& [place, maker] = *std::prev(behind);
    const auto& [space, begin] = place;
    const bool inside = begin == tensor.offset || tensor.offset < maker.end;
    return space == tensor.space && inside ? maker.entry : Flow::kConstant;
  }

  Flow FlowOf(std::uint32_t t) const {
    const PlanTensor& tensor = plan_.tensors[t];
    return {MakerOf(tensor), std::string(tensor::DataTypeName(tensor.spec.type)), tensor.spec.shape,
            LayoutName(tensor.spec), tensor.spec.bytes()};
  }

  const graph::Graph& graph_;
  const ExecutionPlan& plan_;
  std::vector<Entry>& entries_;
  std::map<Place, Maker> makers_;
};

}  // namespace

std::string_view KindName(StepKind kind) {
  static constexpr std::array<std::string_view, kStepKinds> kNames = {
      "input", "native", "opencl", "reference", "reorder", "copy", "output"};
  return kNames[static_cast<std::size_t>(kind)];
}

plan::StepTime PlanReport::total() const {
  plan::StepTime sum;
  for (const Entry& entry : entries) {
    sum.least += entry.time.least;
    sum.median += entry.time.median;
  }
  return sum;
}

std::map<std::string, int> CountOps(const graph::Graph& graph) {
  std::map<std::string, int> counts;
  for (const graph::Node& node : graph.nodes()) ++counts[node.op_type];
  return counts;
}

void DescribePlan(const plan::CompiledModel& model, const ExecutionPlan& plan,
                  const std::vector<plan::StepTime>& times, PlanReport& report) {
  report.ops = CountOps(model.graph());
  report.weight_bytes = model.weights()->total_bytes();
  report.pieces = plan.pieces;
  report.host_arena_bytes = plan.host_arena_bytes;
  report.device_arena_bytes = plan.device_arena_bytes;
  report.io_bytes = plan.io_bytes;
  Describer describer(model, plan, report.entries);
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) describer.AddInput(i);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) describer.AddStep(i, times[i]);
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) describer.AddGraphOutput(i);
}

}  // namespace hadron::cli::explain
