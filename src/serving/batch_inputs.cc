#include "serving/batch_inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/reshape.h"
#include "model/ragged_batch.h"
#include "serving/kept_tensors.h"

namespace hadron::serving {
namespace {

using base::StatusOr;
using config::IoConfig;
using tensor::HostTensor;
using tensor::Shape;

/// What a request brings for an input of the graph: the client's, or the scheduler's.
const HostTensor* FindGiven(const Pending& pending, const std::string& name) {
  const HostTensor* const own = FindTensor(pending.request.inputs, name);
  return own != nullptr ? own : FindTensor(pending.added, name);
}

/// Shape as the graph wants it. Rank-0 tensors are configured as [1].
Shape ToGraphShape(const IoConfig& io, const Shape& client, bool batched, std::int64_t rows,
                   std::size_t graph_rank) {
  Shape item = batched ? client.WithoutFirst() : client;
  if (io.reshape) item = config::MapShape(io.dims, *io.reshape, item);
  if (!batched && graph_rank == 0) return {};
  return batched ? item.WithFirst(rows) : item;
}

base::Status NotGiven(const Batch& batch, const std::string& name) {
  return base::InvalidArgument(
      fmt::format("input '{}' of model '{}' was not given", name, batch.pin.version()->name()));
}

StatusOr<model::RaggedBatch> Ragged(const Batch& batch) {
  const model::ModelVersion& version = *batch.pin.version();
  const graph::Graph& graph = version.compiled().graph();
  model::RaggedBatch ragged(version.config(), graph);
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    if (ragged.IsMade(i)) continue;
    const std::string& name = graph.value(graph.inputs()[i]).name;
    const IoConfig* const io = version.config().FindInput(name);
    for (const Pending& pending : batch.requests) {
      const HostTensor* const tensor = FindGiven(pending, name);
      if (tensor == nullptr) return NotGiven(batch, name);
      ragged.Add(i, io == nullptr ? tensor->desc.shape : RowsOf(*io, tensor->desc.shape));
    }
  }
  HADRON_RETURN_IF_ERROR(ragged.Check());
  return ragged;
}

/// A part that is on the device counts from where it is now until the run has ended.
void AddPart(plan::RunInput& input, const HostTensor& tensor) {
  input.elements.push_back(tensor.desc.shape.elements());
  if (tensor.remote == nullptr) {
    input.parts.push_back(tensor.bytes);
    return;
  }
  const auto& kept = static_cast<const KeptTensor&>(*tensor.remote);  // nobody else makes any
  const plan::DeviceSpan place = kept.place();
  input.parts.push_back(place.buffer == nullptr ? kept.home() : base::IoBuf());
  input.on_device.resize(input.parts.size());
  input.on_device.back() = place;
}

}  // namespace

const HostTensor* FindTensor(const std::vector<HostTensor>& tensors, const std::string& name) {
  const auto it = std::ranges::find_if(
      tensors, [&](const HostTensor& tensor) { return tensor.desc.name == name; });
  return it == tensors.end() ? nullptr : &*it;
}

Shape RowsOf(const IoConfig& io, const Shape& client) {
  return ToGraphShape(io, client, true, client[0], client.rank());
}

StatusOr<std::vector<Shape>> PlanShapes(const Batch& batch) {
  const model::ModelVersion& version = *batch.pin.version();
  if (version.config().ragged()) {
    HADRON_ASSIGN_OR_RETURN(const auto ragged, Ragged(batch));
    return ragged.Shapes();
  }
  const graph::Graph& graph = version.compiled().graph();
  const bool batched = version.config().batched();
  const std::int64_t rows = version.compiled().BucketFor(batch.rows);
  std::vector<Shape> shapes;
  for (const graph::ValueId id : graph.inputs()) {
    const std::string& name = graph.value(id).name;
    const IoConfig* io = version.config().FindInput(name);
    const HostTensor* tensor = FindGiven(batch.requests.front(), name);
    const std::size_t rank = graph.value(id).shape.size();
    if (tensor == nullptr) return NotGiven(batch, name);
    shapes.push_back(
        ToGraphShape(io == nullptr ? IoConfig() : *io, tensor->desc.shape, batched, rows, rank));
  }
  return shapes;
}

std::vector<plan::RunInput> RunInputs(const Batch& batch) {
  const graph::Graph& graph = batch.pin.version()->compiled().graph();
  std::optional<model::RaggedBatch> ragged;
  if (batch.pin.version()->config().ragged()) {
    auto made = Ragged(batch);
    HADRON_CHECK(made.ok());
    ragged = std::move(made).value();
  }
  std::vector<plan::RunInput> inputs;
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    plan::RunInput& input = inputs.emplace_back();
    if (ragged && ragged->IsMade(i)) {
      input.parts.push_back(ragged->Content(i));
      input.elements.push_back(0);  // counted of strings only, which it is not
      continue;
    }
    for (const Pending& pending : batch.requests) {
      const HostTensor* tensor = FindGiven(pending, graph.value(graph.inputs()[i]).name);
      AddPart(input, *tensor);
    }
  }
  return inputs;
}

}  // namespace hadron::serving
