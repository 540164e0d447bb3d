#include "backend/reference_executor.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "backend/reference/op.h"
#include "graph/infer.h"
#include "tensor/string_tensor.h"

namespace hadron::backend {
namespace {

using base::IoBuf;
using base::Status;
using base::StatusOr;
using graph::PostOp;
using reference::RefTensor;
using tensor::DataType;
using tensor::HostTensor;

StatusOr<RefTensor> ToRef(const HostTensor& tensor) {
  RefTensor ref{tensor.desc.type, tensor.desc.shape, {}, {}};
  if (tensor.desc.type == DataType::kString) {
    HADRON_ASSIGN_OR_RETURN(ref.strings,
                            tensor::DecodeStrings(tensor.bytes, tensor.desc.shape.elements()));
    return ref;
  }
  ref.bytes.resize(tensor.bytes.size());
  tensor.bytes.CopyTo(ref.bytes);
  return ref;
}

HostTensor FromRef(RefTensor ref, std::string name) {
  IoBuf bytes = ref.type == DataType::kString ? tensor::EncodeStrings(ref.strings)
                                              : IoBuf::FromVector(std::move(ref.bytes));
  return {{std::move(name), ref.type, std::move(ref.shape)}, std::move(bytes)};
}

StatusOr<RefTensor> Allocate(const tensor::TensorDesc& desc) {
  RefTensor ref{desc.type, desc.shape, {}, {}};
  const auto bytes = desc.shape.CheckedBytes(desc.type);
  if (!bytes) {
    return base::InvalidArgument(
        fmt::format("tensor '{}' of shape {} is too large", desc.name, desc.shape.ToString()));
  }
  try {
    ref.bytes.resize(*bytes);
    if (desc.type == DataType::kString) {
      ref.strings.resize(static_cast<std::size_t>(desc.shape.elements()));
    }
  } catch (const std::exception&) {
    return base::ResourceExhausted(
        fmt::format("tensor '{}' needs {} bytes of host memory", desc.name, *bytes));
  }
  return ref;
}

/// By PostOp::Kind: y, and the numbers a and b of the operation. Those with an operand do nothing.
using Function = double (*)(double y, double a, double b);
double Same(double y, double, double) { return y; }
constexpr Function kFunctions[] = {
    Same,
    Same,
    Same,
    [](double y, double, double) { return y < 0 ? 0 : y; },                    // Relu
    [](double y, double a, double) { return y < 0 ? a * y : y; },              // LeakyRelu
    [](double y, double a, double b) { return y < a ? a : std::fmin(y, b); },  // Clip
    [](double y, double, double) { return 1 / (1 + std::exp(-y)); },           // Sigmoid
    [](double y, double, double) { return std::tanh(y); },                     // Tanh
    [](double y, double, double) {                                             // Softplus
      return std::fmax(y, 0) + std::log1p(std::exp(-std::fabs(y)));
    },
    [](double y, double a, double) { return y < 0 ? a * std::expm1(y) : y; },  // Elu
    [](double y, double, double) {                                             // Gelu
      return y * 0.5 * (1 + std::erf(y * std::sqrt(0.5)));
    },
    [](double y, double, double) {  // GeluTanh
      return y * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (y + 0.044715 * y * y * y)));
    },
    [](double y, double a, double) { return y / (1 + std::exp(-a * y)); },  // Swish
    [](double y, double a, double b) {                                      // HardSigmoid
      return std::fmin(std::fmax(a * y + b, 0), 1);
    },
    [](double y, double a, double b) {  // HardSwish
      return y * std::fmin(std::fmax(a * y + b, 0), 1);
    },
};
static_assert(std::size(kFunctions) == static_cast<std::size_t>(PostOp::Kind::kHardSwish) + 1);

double Activate(const PostOp& op, double y) {
  return kFunctions[static_cast<std::size_t>(op.kind)](y, static_cast<double>(op.a),
                                                       static_cast<double>(op.b));
}

void ApplyPostOp(const graph::Node& node, const PostOp& op, const RefTensor* operand,
                 RefTensor& y) {
  std::vector<double> values = reference::ToDoubles(y);
  if (operand == nullptr) {
    for (double& v : values) v = std::isnan(v) ? v : Activate(op, v);
  } else {
    const std::vector<double> other = reference::ToDoubles(*operand);
    std::size_t inner = 1;
    const std::size_t rank = y.shape.rank();
    for (std::size_t axis = graph::ChannelAxis(node, rank) + 1; axis < rank; ++axis) {
      inner *= static_cast<std::size_t>(y.shape[axis]);
    }
    const bool whole = op.kind == PostOp::Kind::kAdd;
    const bool rows = !values.empty() && graph::IsRowPerMatrix(operand->shape, y.shape);
    const std::size_t channels = rows ? static_cast<std::size_t>(y.shape[rank - 1]) : other.size();
    const std::size_t matrix = rows ? values.size() / (other.size() / channels) : values.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double v = other[whole ? i : i / matrix * channels + i / inner % channels];
      values[i] = op.kind == PostOp::Kind::kScale ? values[i] * v : values[i] + v;
    }
  }
  reference::FromDoubles(values, y);
}

/// Inputs of the node first, then one per post-op that has an operand.
StatusOr<std::vector<RefTensor>> RunNode(const graph::Node& node,
                                         std::span<const RefTensor* const> inputs,
                                         std::span<const tensor::TensorDesc> outputs) {
  const auto function = reference::RefRegistry::Get().Find(node.domain, node.op_type);
  if (function == nullptr) {
    return base::Unimplemented(fmt::format("{}: no reference implementation", node.Label()));
  }
  std::vector<RefTensor> results;
  for (const auto& desc : outputs) {
    HADRON_ASSIGN_OR_RETURN(results.emplace_back(), Allocate(desc));
  }
  HADRON_RETURN_IF_ERROR(function({node, inputs.first(node.inputs.size()), results}));
  std::size_t next = node.inputs.size();
  for (const PostOp& op : node.post_ops) {
    const bool has_operand = op.operand != graph::kNoValue;
    ApplyPostOp(node, op, has_operand ? inputs[next++] : nullptr, results[0]);
  }
  return results;
}

/// Tensors of a graph run, by value.
class Run {
 public:
  Run(const graph::Graph& graph, std::vector<graph::ValueFacts> facts)
      : graph_(graph), facts_(std::move(facts)), values_(graph.value_count()) {}

  Status Execute(std::span<const HostTensor> inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      HADRON_ASSIGN_OR_RETURN(values_[graph_.inputs()[i]], ToRef(inputs[i]));
    }
    for (std::size_t i = 0; i < graph_.value_count(); ++i) {
      const auto& constant = graph_.value(static_cast<graph::ValueId>(i)).constant;
      if (constant == nullptr) continue;
      HADRON_ASSIGN_OR_RETURN(const HostTensor tensor, constant->Evaluate());
      HADRON_ASSIGN_OR_RETURN(values_[i], ToRef(tensor));
    }
    for (const graph::Node& node : graph_.nodes()) HADRON_RETURN_IF_ERROR(Step(node));
    return {};
  }

  std::vector<HostTensor> Outputs() const {
    std::vector<HostTensor> out;
    for (const auto& output : graph_.outputs()) {
      out.push_back(FromRef(*values_[output.value], output.name));
    }
    return out;
  }

 private:
  Status Step(const graph::Node& node) {
    std::vector<const RefTensor*> inputs;
    for (const auto id : node.inputs) {
      inputs.push_back(id == graph::kNoValue ? nullptr : &*values_[id]);
    }
    for (const PostOp& op : node.post_ops) {
      if (op.operand != graph::kNoValue) inputs.push_back(&*values_[op.operand]);
    }
    std::vector<tensor::TensorDesc> outputs;
    for (const auto id : node.outputs) {
      outputs.push_back(id == graph::kNoValue
                            ? tensor::TensorDesc{}
                            : tensor::TensorDesc{graph_.value(id).name, facts_[id].type,
                                                 graph::ToShape(facts_[id].shape)});
    }
    HADRON_ASSIGN_OR_RETURN(auto results, RunNode(node, inputs, outputs));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.HasOutput(i)) values_[node.outputs[i]] = std::move(results[i]);
    }
    return {};
  }

  const graph::Graph& graph_;
  std::vector<graph::ValueFacts> facts_;
  std::vector<std::optional<RefTensor>> values_;
};

}  // namespace

StatusOr<std::vector<HostTensor>> RunReference(const graph::Node& node,
                                               std::span<const HostTensor> inputs,
                                               std::span<const tensor::TensorDesc> outputs) {
  std::vector<RefTensor> refs(inputs.size());
  std::vector<const RefTensor*> pointers(inputs.size(), nullptr);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].desc.type == DataType::kInvalid) continue;
    HADRON_ASSIGN_OR_RETURN(refs[i], ToRef(inputs[i]));
    pointers[i] = &refs[i];
  }
  HADRON_ASSIGN_OR_RETURN(auto results, RunNode(node, pointers, outputs));
  std::vector<HostTensor> out;
  for (std::size_t i = 0; i < results.size(); ++i) {
    out.push_back(FromRef(std::move(results[i]), outputs[i].name));
  }
  return out;
}

StatusOr<std::vector<HostTensor>> ExecuteReference(const graph::Graph& graph,
                                                   std::span<const HostTensor> inputs) {
  if (inputs.size() != graph.inputs().size()) {
    return base::InvalidArgument(fmt::format("the graph has {} inputs, {} tensors were given",
                                             graph.inputs().size(), inputs.size()));
  }
  std::vector<tensor::Shape> shapes;
  for (const HostTensor& input : inputs) shapes.push_back(input.desc.shape);
  HADRON_ASSIGN_OR_RETURN(auto facts, graph::ResolveFacts(graph, shapes));
  Run run(graph, std::move(facts));
  HADRON_RETURN_IF_ERROR(run.Execute(inputs));
  return run.Outputs();
}

}  // namespace hadron::backend
