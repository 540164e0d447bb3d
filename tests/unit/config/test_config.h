#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/complete.h"
#include "graph/graph.h"

namespace hadron::config::test {

/// A graph of one Identity per tensor, x -> y, u -> v, ...; shapes as dimension texts: "3" is a
/// number, anything else a symbol of that name, "?" one without a name.
struct Tensor {
  std::string input;
  std::string output;
  std::vector<std::string> dims;
  tensor::DataType type = tensor::DataType::kFp32;
};
graph::Graph IdentityGraph(const std::vector<Tensor>& tensors);

/// Parse, Identify as model "m" with a model.onnx, Complete.
base::StatusOr<std::shared_ptr<const ModelConfig>> Load(std::string_view pbtxt,
                                                        const graph::Graph* graph = nullptr,
                                                        const CompletionOptions& options = {});

/// The message of Load's failure, "" when it succeeds.
std::string LoadError(std::string_view pbtxt, const graph::Graph* graph = nullptr,
                      const CompletionOptions& options = {});

/// Inputs and outputs that make a configuration complete.
inline constexpr std::string_view kTensors = R"(
    input { name: "x" data_type: TYPE_FP32 dims: 4 }
    output { name: "y" data_type: TYPE_FP32 dims: 4 })";

}  // namespace hadron::config::test
