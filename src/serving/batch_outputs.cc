#include "serving/batch_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "config/reshape.h"
#include "serving/batch_inputs.h"
#include "serving/kept_tensors.h"
#include "tensor/string_tensor.h"

namespace hadron::serving {
namespace {

using base::Status;
using base::StatusOr;
using config::BatchOutput;
using config::IoConfig;
using config::ModelConfig;
using tensor::HostTensor;
using tensor::Shape;

StatusOr<Shape> ToClientShape(const IoConfig& io, const Shape& graph, bool batched) {
  Shape item = graph;
  if (batched) {
    if (graph.rank() == 0) return base::Internal(fmt::format("output '{}' is a scalar", io.name));
    item = graph.WithoutFirst();
  } else if (graph.rank() == 0) {
    item = Shape{1};
  }
  const Shape& expected = io.model_shape();
  bool fits = item.rank() == expected.rank();
  for (std::size_t i = 0; fits && i < item.rank(); ++i) {
    fits = expected[i] < 0 || expected[i] == item[i];
  }
  if (!fits) {
    return base::Internal(fmt::format("output '{}' has shape {}, the configuration says {}",
                                      io.name, item.ToString(), expected.ToString()));
  }
  if (io.reshape) item = config::MapShape(*io.reshape, io.dims, item);
  return batched ? item.WithFirst(graph[0]) : item;
}

/// A request's part of an output that is taken apart by an input's shape, as the model has it.
Shape Scattered(const ModelConfig& config, const IoConfig& io, const BatchOutput& scatter,
                const Pending& pending) {
  const HostTensor* const source = FindTensor(pending.request.inputs, scatter.source);
  HADRON_CHECK(source != nullptr);  // inputs that are left out have been filled in
  const IoConfig* const input = config.FindInput(scatter.source);
  return config::ScatteredShape(io.model_shape(), RowsOf(*input, source->desc.shape));
}

Status CheckScatter(const Batch& batch, const IoConfig& io, const BatchOutput& scatter,
                    const Shape& shape) {
  const ModelConfig& config = batch.pin.version()->config();
  std::optional<std::int64_t> all = 0;
  for (const Pending& pending : batch.requests) {
    const auto part = Scattered(config, io, scatter, pending).CheckedElements();
    if (all) all = part ? base::CheckedAdd(*all, *part) : std::nullopt;
  }
  if (all == shape.elements()) return {};
  return base::InvalidArgument(fmt::format(
      "output '{}' of model '{}' has the shape {}, but by the requests' shapes of input '{}' "
      "(batch_output) they are to get {} elements",
      io.name, config.name(), shape.ToString(), scatter.source,
      all ? std::to_string(*all) : "more than can be counted"));
}

Status CheckRows(const Batch& batch, const std::string& name, const Shape& shape) {
  if (shape.rank() > 0 && shape[0] == batch.rows) return {};
  return base::InvalidArgument(fmt::format(
      "output '{}' of model '{}' has the shape {}, but the batch has {} rows: name the output in "
      "batch_output, or send requests of one row to a model that answers by request",
      name, batch.pin.version()->name(), shape.ToString(), batch.rows));
}

/// The elements [first, first + shape's) of an output.
HostTensor Part(const HostTensor& whole, std::int64_t first, Shape shape) {
  const std::int64_t elements = shape.elements();
  HostTensor part{{whole.desc.name, whole.desc.type, std::move(shape)}, {}};
  if (first == 0 && elements == whole.desc.shape.elements()) {
    part.bytes = whole.bytes;
  } else if (whole.desc.type == tensor::DataType::kString) {
    part.bytes = tensor::SubStrings(whole.bytes, first, elements);
  } else {
    const std::size_t size = tensor::ElementSize(whole.desc.type);
    part.bytes = whole.bytes.Sub(static_cast<std::size_t>(first) * size,
                                 static_cast<std::size_t>(elements) * size);
  }
  return part;
}

std::shared_ptr<const KeptTensor> KeptAs(const Pending& pending, const std::string& output) {
  const auto at = std::ranges::find(
      pending.kept, output, [](const auto& kept) -> const auto& { return kept.first; });
  return at == pending.kept.end() ? nullptr : at->second;
}

}  // namespace

bool Wants(const Pending& pending, const std::string& output) {
  const std::vector<std::string>& wanted = pending.request.requested_outputs;
  return wanted.empty() || std::ranges::find(wanted, output) != wanted.end();
}

Status CheckOutputs(const Batch& batch, const std::vector<HostTensor>& outputs) {
  const model::ModelVersion& version = *batch.pin.version();
  const ModelConfig& config = version.config();
  if (!config.ragged()) return {};
  const auto& graph_outputs = version.compiled().graph().outputs();
  for (std::size_t i = 0; i < graph_outputs.size(); ++i) {
    const std::string& name = graph_outputs[i].name;
    const Shape& shape = outputs[i].desc.shape;
    const IoConfig* const io = config.FindOutput(name);
    const BatchOutput* const scatter = config.FindBatchOutput(name);
    if (io != nullptr && scatter != nullptr) {
      HADRON_RETURN_IF_ERROR(CheckScatter(batch, *io, *scatter, shape));
    }
    const bool state =
        config.sequence_batching() && config.sequence_batching()->HasStateOutput(name);
    if (state || (io != nullptr && scatter == nullptr)) {
      HADRON_RETURN_IF_ERROR(CheckRows(batch, name, shape));
    }
  }
  return {};
}

StatusOr<OutputSplit> OutputSplit::Create(const model::ModelVersion& version,
                                          std::vector<HostTensor> outputs) {
  const auto& graph_outputs = version.compiled().graph().outputs();
  OutputSplit split(version.config());
  for (const IoConfig& io : version.config().outputs()) {
    const auto it = std::ranges::find(graph_outputs, io.name, &graph::GraphOutput::name);
    HADRON_CHECK(it != graph_outputs.end());
    HostTensor& tensor = outputs[static_cast<std::size_t>(it - graph_outputs.begin())];
    const BatchOutput* const scatter = version.config().FindBatchOutput(io.name);
    Shape shape = tensor.desc.shape;
    if (scatter == nullptr) {
      HADRON_ASSIGN_OR_RETURN(shape, ToClientShape(io, shape, version.config().batched()));
    }
    split.outputs_.push_back(
        {&io,
         scatter,
         {{io.name, tensor.desc.type, std::move(shape)}, std::move(tensor.bytes)},
         0});
  }
  return split;
}

Shape OutputSplit::PartOf(const Output& output, const Pending& pending) const {
  const IoConfig& io = *output.io;
  if (output.scatter != nullptr) {
    Shape part = Scattered(*config_, io, *output.scatter, pending);
    if (!io.reshape) return part;
    return config::MapShape(*io.reshape, io.dims, part.WithoutFirst()).WithFirst(part[0]);
  }
  Shape part = output.whole.desc.shape;
  if (config_->batched()) part[0] = pending.request.rows;
  return part;
}

std::vector<HostTensor> OutputSplit::Next(const Pending& pending) {
  std::vector<HostTensor> parts;
  for (Output& output : outputs_) {
    Shape shape = PartOf(output, pending);
    const std::int64_t first = output.next;
    output.next += shape.elements();
    if (!Wants(pending, output.io->name)) continue;
    if (auto kept = KeptAs(pending, output.io->name)) {
      const tensor::TensorDesc& whole = output.whole.desc;
      parts.push_back({{whole.name, whole.type, std::move(shape)}, {}, std::move(kept)});
    } else {
      parts.push_back(Part(output.whole, first, std::move(shape)));
    }
  }
  return parts;
}

}  // namespace hadron::serving
