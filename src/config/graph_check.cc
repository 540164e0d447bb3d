#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "base/check.h"
#include "base/strings.h"
#include "config/complete.h"
#include "config/wire/values.h"
#include "graph/infer.h"

namespace hadron::config {
namespace {

using graph::Dim;
using graph::SymbolicShape;

// ---- batchability -----------------------------------------------------------

/// The symbols that are the first dimension of some input, or why they cannot be one batch.
struct BatchSymbols {
  std::set<graph::SymbolId> symbols;
  std::string obstacle;
};

BatchSymbols FindBatchSymbols(const graph::Graph& graph) {
  BatchSymbols found;
  std::string_view first_name;
  if (graph.inputs().empty()) found.obstacle = "it has no inputs";
  for (const graph::ValueId id : graph.inputs()) {
    const graph::Value& value = graph.value(id);
    if (value.shape.empty() || !value.shape[0].is_symbol()) {
      found.obstacle = fmt::format("the first dimension of input {} of shape {} is fixed",
                                   wire::Quote(value.name), graph::ToShape(value.shape).ToString());
      return found;
    }
    const graph::SymbolId symbol = value.shape[0].symbols()[0];
    const std::string_view name = graph.SymbolName(symbol);
    if (!name.empty() && !first_name.empty() && name != first_name) {
      found.obstacle = fmt::format("the inputs' first dimensions have different names, {} and {}",
                                   wire::Quote(first_name), wire::Quote(name));
      return found;
    }
    if (!name.empty()) first_name = name;
    found.symbols.insert(symbol);
  }
  return found;
}

/// Gives every input one and the same batch symbol: dimensions without a name are taken as equal.
void Unify(const std::set<graph::SymbolId>& symbols, Dim batch, graph::Graph& graph) {
  for (const graph::ValueId id : graph.inputs()) {
    for (Dim& dim : graph.value(id).shape) {
      if (dim.is_symbol() && symbols.contains(dim.symbols()[0])) dim = batch;
    }
  }
}

std::string WhyNotBatchedOutput(const std::string& name, const SymbolicShape& shape, Dim batch) {
  if (!shape.empty() && shape[0] == batch) return {};
  const std::string text = graph::ToShape(shape).ToString();
  if (shape.empty() || shape[0].known()) {
    return fmt::format("the first dimension of output {} of shape {} is fixed", wire::Quote(name),
                       text);
  }
  return fmt::format(
      "the first dimension of output {} of shape {} is not the batch dimension of the inputs",
      wire::Quote(name), text);
}

// ---- comparison with the configuration --------------------------------------

/// One tensor of the configuration beside the graph's.
struct Pair {
  const ModelConfig& config;
  const IoConfig& io;
  const graph::Value& value;
  bool is_output = false;

  std::string Label() const {
    return fmt::format("model {}, tensor {}", wire::Quote(config.name()), wire::Quote(io.name));
  }
  std::string GraphText() const { return graph::ToShape(value.shape).ToString(); }
};

base::Status CheckType(const Pair& pair) {
  if (pair.io.type == pair.value.type) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("{}: the configuration's data_type is {} but the model's is {}", pair.Label(),
                  tensor::DataTypeName(pair.io.type), tensor::DataTypeName(pair.value.type)));
}

base::Status CheckFirstDim(const Pair& pair) {
  if (!pair.config.batched()) return base::OkStatus();
  if (!pair.value.shape.empty() && !pair.value.shape[0].known()) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("{}: for the model to support batching the shape should have at least 1 "
                  "dimension and the first dimension must be -1; but the model's shape is {} "
                  "(set max_batch_size to 0)",
                  pair.Label(), pair.GraphText()));
}

/// A size the graph fixes must be the configured one. Inference knows more of an output than the
/// file declares, so there -1 is no contradiction.
bool DimFits(std::int64_t configured, const Dim& dim, bool is_output) {
  if (!dim.known() || configured == dim.value()) return true;
  return is_output && configured == -1;
}

bool ShapeFits(const Pair& pair, const tensor::Shape& configured) {
  const SymbolicShape& shape = pair.value.shape;
  if (configured.rank() != shape.size()) return false;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!DimFits(configured[axis], shape[axis], pair.is_output)) return false;
  }
  return true;
}

base::Status CheckRagged(const Pair& pair) {
  if (pair.value.shape.size() == 1 && !pair.value.shape[0].known()) return base::OkStatus();
  return base::InvalidArgument(fmt::format(
      "{}: allow_ragged_batch needs an input of shape [-1] in the model, which gets the "
      "elements of all requests one behind the other; but the model's shape is {}",
      pair.Label(), pair.GraphText()));
}

base::Status CheckShape(const Pair& pair) {
  if (pair.io.ragged) return CheckRagged(pair);
  HADRON_RETURN_IF_ERROR(CheckFirstDim(pair));
  const tensor::Shape configured = pair.config.GraphShape(pair.io);
  // Configurations cannot say "scalar"; [1] stands for it.
  const bool scalar = pair.value.shape.empty() && configured == tensor::Shape{1};
  if (scalar || ShapeFits(pair, configured)) return base::OkStatus();
  return base::InvalidArgument(fmt::format(
      "{}: the model's shape {} ({} dimensions) contradicts the configuration's {} ({} "
      "dimensions{})",
      pair.Label(), pair.GraphText(), pair.value.shape.size(), configured.ToString(),
      configured.rank(),
      pair.config.batched() ? ", the first one being the batch, because max_batch_size > 0" : ""));
}

base::Status CheckPair(const Pair& pair) {
  HADRON_RETURN_IF_ERROR(CheckType(pair));
  return CheckShape(pair);
}

base::Status Unexpected(const ModelConfig& config, std::string_view what, const std::string& name,
                        const std::vector<std::string>& allowed) {
  constexpr std::size_t kListed = 32;
  const std::size_t listed = std::min(allowed.size(), kListed);
  return base::InvalidArgument(
      fmt::format("model {}: unexpected inference {} {}, allowed {}s are: {}{}",
                  wire::Quote(config.name()), what, wire::Quote(name), what,
                  base::EscapeControl(base::Join(std::span(allowed).first(listed), ", ")),
                  listed < allowed.size() ? ", ..." : ""));
}

base::Status CheckInputs(const ModelConfig& config, const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const graph::ValueId id : graph.inputs()) names.push_back(graph.value(id).name);
  for (const IoConfig& input : config.inputs()) {
    const auto at = std::ranges::find(names, input.name);
    if (at == names.end()) return Unexpected(config, "input", input.name, names);
    const graph::ValueId id = graph.inputs()[static_cast<std::size_t>(at - names.begin())];
    HADRON_RETURN_IF_ERROR(CheckPair({config, input, graph.value(id)}));
  }
  for (const std::string& name : names) {
    const bool filled = config.FindBatchInput(name) != nullptr ||
                        (config.sequence_batching() && config.sequence_batching()->Fills(name));
    if (filled || config.FindInput(name) != nullptr) continue;
    return base::InvalidArgument(
        fmt::format("model {}: the configuration lists {} inputs, but not input {} of the model",
                    wire::Quote(config.name()), config.inputs().size(), wire::Quote(name)));
  }
  return base::OkStatus();
}

base::Status CheckOutputs(const ModelConfig& config, const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const graph::GraphOutput& output : graph.outputs()) names.push_back(output.name);
  for (const IoConfig& output : config.outputs()) {
    const auto at = std::ranges::find(names, output.name);
    if (at == names.end()) return Unexpected(config, "output", output.name, names);
    const auto& found = graph.outputs()[static_cast<std::size_t>(at - names.begin())];
    const Pair pair{config, output, graph.value(found.value), /*is_output=*/true};
    // What is taken apart by an input's shape may have any shape itself.
    const bool scattered = config.FindBatchOutput(output.name) != nullptr;
    HADRON_RETURN_IF_ERROR(scattered ? CheckType(pair) : CheckPair(pair));
  }
  return base::OkStatus();
}

/// Of how many numbers a batch_input consists is not known before the batch.
base::Status CheckBatchInputTarget(const ModelConfig& config, const BatchInput& input,
                                   const std::string& target, const graph::Graph& graph) {
  const auto at = std::ranges::find_if(
      graph.inputs(), [&](const graph::ValueId id) { return graph.value(id).name == target; });
  if (at == graph.inputs().end()) {
    return base::InvalidArgument(
        fmt::format("model {}: batch_input: target {} is no input of the "
                    "model",
                    wire::Quote(config.name()), wire::Quote(target)));
  }
  IoConfig io;
  io.name = target;
  io.type = input.type;
  const graph::Value& value = graph.value(*at);
  HADRON_RETURN_IF_ERROR(CheckType({config, io, value}));
  tensor::Shape wanted{-1};
  if (input.kind == BatchInput::Kind::kItemShape) {
    const IoConfig* const source = config.FindInput(input.source);
    HADRON_CHECK(source != nullptr);  // Complete() has checked it
    wanted = {-1, static_cast<std::int64_t>(source->model_shape().rank())};
  }
  const SymbolicShape& shape = value.shape;
  bool fits = shape.size() == wanted.rank() && !shape[0].known();
  if (fits && shape.size() == 2) fits = DimFits(wanted[1], shape[1], false);
  if (fits) return base::OkStatus();
  return base::InvalidArgument(fmt::format(
      "model {}: batch_input: target {} gets a tensor of shape {}, but the model's shape is {}",
      wire::Quote(config.name()), wire::Quote(target), wanted.ToString(),
      graph::ToShape(shape).ToString()));
}

base::Status CheckBatchInputs(const ModelConfig& config, const graph::Graph& graph) {
  for (const BatchInput& input : config.batch_inputs()) {
    for (const std::string& target : input.targets) {
      HADRON_RETURN_IF_ERROR(CheckBatchInputTarget(config, input, target, graph));
    }
  }
  return base::OkStatus();
}

/// A flag or an id for each row: the model may have it as [batch,1] or as [batch].
base::Status CheckControl(const ModelConfig& config, const SequenceControl& control,
                          const graph::Graph& graph) {
  const auto at = std::ranges::find_if(graph.inputs(), [&](const graph::ValueId id) {
    return graph.value(id).name == control.input;
  });
  if (at == graph.inputs().end()) {
    return base::InvalidArgument(fmt::format("model {}: control_input {} is no input of the model",
                                             wire::Quote(config.name()),
                                             wire::Quote(control.input)));
  }
  IoConfig io;
  io.name = control.input;
  io.type = control.type;
  io.dims = tensor::Shape{1};
  if (config.batched() && graph.value(*at).shape.size() == 1) io.reshape = tensor::Shape{};
  return CheckPair({config, io, graph.value(*at)});
}

base::Status CheckState(const ModelConfig& config, const SequenceState& state,
                        const graph::Graph& graph) {
  IoConfig io;
  io.type = state.type;
  io.dims = state.dims;
  io.name = state.input;
  const auto input = std::ranges::find_if(
      graph.inputs(), [&](const graph::ValueId id) { return graph.value(id).name == state.input; });
  const auto output = std::ranges::find(graph.outputs(), state.output, &graph::GraphOutput::name);
  if (input == graph.inputs().end() || output == graph.outputs().end()) {
    const bool no_input = input == graph.inputs().end();
    return base::InvalidArgument(fmt::format(
        "model {}: the state's {} {} is no {} of the model", wire::Quote(config.name()),
        no_input ? "input_name" : "output_name", wire::Quote(no_input ? state.input : state.output),
        no_input ? "input" : "output"));
  }
  HADRON_RETURN_IF_ERROR(CheckPair({config, io, graph.value(*input)}));
  io.name = state.output;
  return CheckPair({config, io, graph.value(output->value), /*is_output=*/true});
}

base::Status CheckSequences(const ModelConfig& config, const graph::Graph& graph) {
  if (!config.sequence_batching()) return base::OkStatus();
  for (const SequenceControl& control : config.sequence_batching()->controls) {
    HADRON_RETURN_IF_ERROR(CheckControl(config, control, graph));
  }
  for (const SequenceState& state : config.sequence_batching()->states) {
    HADRON_RETURN_IF_ERROR(CheckState(config, state, graph));
  }
  return base::OkStatus();
}

}  // namespace

base::StatusOr<std::string> WhyNotBatchable(const graph::Graph& graph,
                                            std::span<const std::string> outputs) {
  BatchSymbols found = FindBatchSymbols(graph);
  if (!found.obstacle.empty()) return std::move(found.obstacle);
  graph::Graph unified = graph.Clone();
  const Dim batch = unified.FreshSymbol();
  Unify(found.symbols, batch, unified);
  HADRON_ASSIGN_OR_RETURN(const auto facts, graph::InferFacts(unified));
  for (const graph::GraphOutput& output : unified.outputs()) {
    const bool wanted = outputs.empty() || std::ranges::find(outputs, output.name) != outputs.end();
    if (!wanted) continue;
    std::string obstacle = WhyNotBatchedOutput(output.name, facts[output.value].shape, batch);
    if (!obstacle.empty()) return obstacle;
  }
  return std::string();
}

base::Status CheckAgainstGraph(const ModelConfig& config, const graph::Graph& graph) {
  HADRON_RETURN_IF_ERROR(CheckBatchInputs(config, graph));
  HADRON_RETURN_IF_ERROR(CheckInputs(config, graph));
  HADRON_RETURN_IF_ERROR(CheckOutputs(config, graph));
  HADRON_RETURN_IF_ERROR(CheckSequences(config, graph));
  // Whether a model that sees the batch's make-up keeps its rows apart shows when it runs.
  if (!config.batched() || config.ragged()) return base::OkStatus();
  std::vector<std::string> outputs;
  for (const IoConfig& output : config.outputs()) outputs.push_back(output.name);
  if (config.sequence_batching()) {
    for (const SequenceState& state : config.sequence_batching()->states) {
      outputs.push_back(state.output);
    }
  }
  HADRON_ASSIGN_OR_RETURN(const std::string obstacle, WhyNotBatchable(graph, outputs));
  if (obstacle.empty()) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("model {}: max_batch_size is {}, but the model cannot be batched: {} (set "
                  "max_batch_size to 0)",
                  wire::Quote(config.name()), config.max_batch_size(), obstacle));
}

}  // namespace hadron::config
