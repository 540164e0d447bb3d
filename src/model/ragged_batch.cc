#include "model/ragged_batch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "graph/infer.h"

namespace hadron::model {
namespace {

using config::IoConfig;
using tensor::Shape;

std::size_t NumberOf(const graph::Graph& graph, const std::string& name) {
  const auto at = std::ranges::find_if(
      graph.inputs(), [&](const graph::ValueId id) { return graph.value(id).name == name; });
  HADRON_CHECK(at != graph.inputs().end());  // the load has checked it
  return static_cast<std::size_t>(at - graph.inputs().begin());
}

Shape Flat(const std::vector<Shape>& requests) {
  std::int64_t elements = 0;
  for (const Shape& request : requests) elements += request.elements();
  return {elements};
}

Shape Stacked(const std::vector<Shape>& requests) {
  Shape all = requests.front();
  all[0] = 0;
  for (const Shape& request : requests) all[0] += request[0];
  return all;
}

/// One row of an input, free dimensions of this size.
Shape RowOf(const config::ModelConfig& config, const graph::Value& value, std::int64_t size) {
  const IoConfig* const io = config.FindInput(value.name);
  Shape row = io != nullptr ? io->model_shape().WithFirst(1) : graph::ToShape(value.shape);
  if (row.rank() > 0) row[0] = 1;
  for (std::size_t axis = 0; axis < row.rank(); ++axis) {
    if (row[axis] < 0) row[axis] = size;
  }
  return row;
}

}  // namespace

RaggedBatch::RaggedBatch(const config::ModelConfig& config, const graph::Graph& graph) {
  for (const graph::ValueId id : graph.inputs()) {
    const std::string& name = graph.value(id).name;
    Input& input = inputs_.emplace_back();
    input.made = config.FindBatchInput(name);
    if (input.made != nullptr) input.source = NumberOf(graph, input.made->source);
    const IoConfig* const io = config.FindInput(name);
    input.ragged = io != nullptr && io->ragged;
  }
}

base::Status RaggedBatch::Check() const {
  for (const Input& input : inputs_) {
    if (input.made == nullptr) continue;
    HADRON_RETURN_IF_ERROR(config::CheckBatchInput(*input.made, inputs_[input.source].requests));
  }
  return {};
}

std::vector<Shape> RaggedBatch::Shapes() const {
  std::vector<Shape> shapes;
  for (const Input& input : inputs_) {
    if (input.made != nullptr) {
      shapes.push_back(config::BatchInputShape(*input.made, inputs_[input.source].requests));
    } else {
      shapes.push_back(input.ragged ? Flat(input.requests) : Stacked(input.requests));
    }
  }
  return shapes;
}

base::IoBuf RaggedBatch::Content(std::size_t input) const {
  const Input& made = inputs_[input];
  return config::BatchInputContent(*made.made, inputs_[made.source].requests);
}

std::vector<std::vector<Shape>> TypicalBatches(const config::ModelConfig& config,
                                               const graph::Graph& graph) {
  static constexpr std::array<std::int64_t, 8> kSizes = {64, 32, 128, 16, 8, 4, 2, 1};
  constexpr std::int64_t kMostRequests = 64;
  const std::int64_t requests = std::min(config.max_batch_size(), kMostRequests);
  std::vector<std::vector<Shape>> batches;
  for (const std::int64_t size : kSizes) {
    RaggedBatch batch(config, graph);
    bool countable = true;
    for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
      if (batch.IsMade(i)) continue;
      const Shape row = RowOf(config, graph.value(graph.inputs()[i]), size);
      countable = countable && row.WithFirst(requests).CheckedBytes(tensor::DataType::kFp64);
      for (std::int64_t n = 0; countable && n < requests; ++n) batch.Add(i, row);
    }
    if (countable && batch.Check().ok()) batches.push_back(batch.Shapes());
  }
  return batches;
}

}  // namespace hadron::model
