#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "serving/batch.h"
#include "tensor/host_tensor.h"

namespace hadron::serving {

/// Whether the outputs of a run (by graph output) can be taken apart again, of a model that sees
/// how a batch is made up; of others it is known since their load. INVALID_ARGUMENT names the
/// output.
base::Status CheckOutputs(const Batch& batch, const std::vector<tensor::HostTensor>& outputs);

/// Whether the request asks for the output.
bool Wants(const Pending& pending, const std::string& output);

/// Takes the outputs of a run apart: to each request its rows, or what a batch_output says, under
/// the configured names and in client shapes. Shares the bytes; what a run has
/// left on the device is where it is. Lives no longer than the batch's
/// pin.
///
///     HADRON_ASSIGN_OR_RETURN(auto split, OutputSplit::Create(version,
///     std::move(result.outputs))); for (Pending& pending : batch.requests) response.outputs =
///     split.Next(pending);
class OutputSplit {
 public:
  /// INTERNAL when an output has not the configured shape.
  static base::StatusOr<OutputSplit> Create(const model::ModelVersion& version,
                                            std::vector<tensor::HostTensor> outputs);

  /// The outputs that the next request of the batch asks for, in the order of the configuration.
  /// Rows of nobody's are requests, too.
  std::vector<tensor::HostTensor> Next(const Pending& pending);

 private:
  struct Output {
    const config::IoConfig* io = nullptr;
    const config::BatchOutput* scatter = nullptr;  ///< null: by rows
    tensor::HostTensor whole;  ///< of one that is scattered the shape is the graph's
    std::int64_t next = 0;     ///< element
  };

  explicit OutputSplit(const config::ModelConfig& config) : config_(&config) {}
  tensor::Shape PartOf(const Output& output, const Pending& pending) const;

  const config::ModelConfig* config_;
  std::vector<Output> outputs_;
};

}  // namespace hadron::serving
