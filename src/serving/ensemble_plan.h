#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/model_config.h"

namespace hadron::serving {

/// The steps of an ensemble as a graph: which tensors they read and write, by number. Made of a
/// checked configuration. Immutable.
class EnsemblePlan {
 public:
  /// An input or output of a step's model, and the ensemble's tensor that it is.
  struct Edge {
    std::string name;
    std::size_t tensor = 0;
  };
  struct Step {
    std::string model;
    std::optional<std::int64_t> version;  ///< nothing = the newest that is READY
    std::vector<Edge> inputs;
    std::vector<Edge> outputs;
  };
  struct Tensor {
    std::string name;
    std::optional<std::size_t> writer;  ///< the step; nothing: the client
    std::vector<std::size_t> readers;   ///< steps, each once
  };

  explicit EnsemblePlan(const config::ModelConfig& config);

  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }
  std::optional<std::size_t> FindTensor(std::string_view name) const;

 private:
  std::size_t Add(const std::string& tensor);

  std::vector<Step> steps_;
  std::vector<Tensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> numbers_;  ///< of tensors, by name
};

/// How far one request to an ensemble is: which steps may begin, which tensors nobody needs any
/// more. Steps that nothing asked for depends on do not run. Passive and pure; externally
/// synchronised. The plan outlives it.
///
///     EnsembleProgress progress(plan, wanted);
///     for (std::size_t step : progress.Begin()) Start(step);
///     ...
///     for (std::size_t step : progress.Finish(ended)) Start(step);
class EnsembleProgress {
 public:
  /// `outputs`: tensors that the request asks for.
  EnsembleProgress(const EnsemblePlan& plan, std::span<const std::size_t> outputs);

  /// Steps that need nothing but what the client has sent.
  std::vector<std::size_t> Begin() const;
  /// The step has written its tensors: the steps that may begin now.
  std::vector<std::size_t> Finish(std::size_t step);
  /// The step has taken its inputs: tensors that nobody will read any more.
  std::vector<std::size_t> Taken(std::size_t step);
  /// Whether anybody reads the tensor, or asked for it.
  bool IsNeeded(std::size_t tensor) const { return uses_[tensor] > 0; }
  /// How many steps have to run.
  std::size_t steps() const { return steps_; }

 private:
  const EnsemblePlan* plan_;
  std::vector<bool> runs_;              ///< by step
  std::vector<std::size_t> waits_for_;  ///< by step: tensors that are still to be written
  std::vector<std::size_t> uses_;       ///< by tensor: readers to come, and the client
  std::size_t steps_ = 0;
};

}  // namespace hadron::serving
