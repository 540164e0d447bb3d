#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "config/model_config.h"
#include "plan/compiled_model.h"
#include "plan/lane.h"
#include "serving/inference_request.h"
#include "tensor/host_tensor.h"

namespace hadron::serving {

/// A client's name for a sequence. 0 and "" name none.
using SequenceId = std::variant<std::uint64_t, std::string>;

/// As messages say it.
std::string ToString(const SequenceId& id);

/// What a request says about its sequence.
struct SequenceMark {
  SequenceId id;
  bool start = false;
  bool end = false;

  bool named() const;
};
SequenceMark ReadSequenceMark(const InferenceRequest& request);

/// The inputs that the server itself gives to a model with sequence_batching: flags, ids, and the
/// states it keeps. Tensors are of one row, as the model's graph has them. Immutable.
class SequenceInputs {
 public:
  /// What is kept of a sequence between its requests, in the order of the configuration.
  using State = std::vector<tensor::HostTensor>;

  /// `initial`: contents by input; states that are not in it begin with zeros.
  SequenceInputs(std::shared_ptr<const config::ModelConfig> config, const graph::Graph& graph,
                 const std::map<std::string, base::IoBuf>& initial);

  /// INVALID_ARGUMENT for an id that the model's CORRID input cannot hold.
  base::Status CheckId(const SequenceMark& mark) const;
  const State& initial_state() const { return initial_; }
  /// What a request brings besides its own inputs.
  std::vector<tensor::HostTensor> ForRequest(const SequenceMark& mark, const State& state) const;
  /// For a row of nobody's beside one that brings `others`: all flags off, states that fit.
  std::vector<tensor::HostTensor> ForNobody(const std::vector<tensor::HostTensor>& others) const;
  /// What a run has made of the state of its row `row` of `rows`.
  State StateAfter(const plan::RunResult& result, std::int64_t row, std::int64_t rows) const;

 private:
  tensor::HostTensor Flag(const config::SequenceControl& control, bool on) const;
  tensor::HostTensor Id(const config::SequenceControl& control, const SequenceId& id) const;

  const std::shared_ptr<const config::ModelConfig> config_;
  const config::SequenceBatching& rules_;
  std::map<std::string, tensor::Shape> control_shapes_;  ///< by input
  std::vector<std::size_t> state_outputs_;               ///< where the run's result has them
  State initial_;
};

}  // namespace hadron::serving
