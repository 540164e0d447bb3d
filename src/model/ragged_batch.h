#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "config/model_config.h"
#include "graph/graph.h"
#include "tensor/shape.h"

namespace hadron::model {

/// The inputs of a batch for a model that sees how it is made up: ragged inputs lie one behind the
/// other in one dimension, the others along the rows, and what the server itself tells of the batch
/// is made from the requests' shapes. Inputs go by their number in the graph. Externally
/// synchronised; configuration and graph outlive it.
///
///     RaggedBatch batch(config, graph);
///     batch.Add(0, {1, 3});  // two requests for input 0, of three and five elements
///     batch.Add(0, {1, 5});
///     batch.Shapes();        // [8], and of a batch_input BATCH_ELEMENT_COUNT [2]
class RaggedBatch {
 public:
  RaggedBatch(const config::ModelConfig& config, const graph::Graph& graph);

  /// Whether the server makes the tensor, from all requests together.
  bool IsMade(std::size_t input) const { return inputs_[input].made != nullptr; }
  /// What the next request brings for an input, as the model would see it alone: rows first,
  /// `reshape` applied. Needed of all inputs that are not made.
  void Add(std::size_t input, tensor::Shape shape) {
    inputs_[input].requests.push_back(std::move(shape));
  }

  /// INVALID_ARGUMENT when a number to be told does not fit its type.
  base::Status Check() const;
  /// By graph input.
  std::vector<tensor::Shape> Shapes() const;
  /// Of a made input, after Check().
  base::IoBuf Content(std::size_t input) const;

 private:
  struct Input {
    const config::BatchInput* made = nullptr;
    std::size_t source = 0;  ///< of a made one
    bool ragged = false;
    std::vector<tensor::Shape> requests;
  };

  std::vector<Input> inputs_;
};

/// Shapes of batches as they may come, by graph input: large ones first. What a model's weights are
/// packed for follows from the first that the model accepts.
std::vector<std::vector<tensor::Shape>> TypicalBatches(const config::ModelConfig& config,
                                                       const graph::Graph& graph);

}  // namespace hadron::model
