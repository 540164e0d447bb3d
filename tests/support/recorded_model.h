#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "support/plan_runner.h"
#include "tensor/host_tensor.h"

namespace hadron::test {

/// Relative L2 that a whole network may differ by from the recorded outputs.
inline constexpr double kNetworkTolerance = 5e-6;

/// A model file and the tensors that tools/models/record.py recorded of it. Files are ours: what is
/// wrong with them fails the running test or aborts.
struct RecordedModel {
  std::string path;
  std::vector<std::pair<std::string, tensor::HostTensor>> tensors;  ///< "input.image" and so on

  /// `folder` holds input.*.npy and output.*.npy.
  static RecordedModel Read(std::string path, const std::string& folder);

  base::StatusOr<graph::Graph> Load() const;
  const tensor::HostTensor& Get(const std::string& direction, const std::string& name) const;
  /// Some rows of every input, in the order of the graph.
  std::vector<tensor::HostTensor> Inputs(const graph::Graph& graph, std::int64_t first,
                                         std::int64_t rows) const;
  std::int64_t rows() const { return tensors.front().second.desc.shape[0]; }
};

/// Names of all graph passes: none of them runs when these are disabled.
std::vector<std::string> AllPassNames();

/// `rows` rows from `first` on.
tensor::HostTensor Rows(const tensor::HostTensor& whole, std::int64_t first, std::int64_t rows);

/// Floats within kNetworkTolerance of the recorded ones, everything else equal.
void ExpectAsRecorded(const RecordedModel& model, const graph::Graph& graph,
                      const std::vector<tensor::HostTensor>& outputs, std::int64_t rows);

/// Batches of 1, 3 and 8 rows, with passes on and off, answer as recorded.
void ExpectAgreement(const RecordedModel& model, const std::string& device);

/// 200 rows give the same bytes alone and in random batches.
void ExpectBatchInvariance(const RecordedModel& model, const std::string& device);

/// A load with --batch-invariant=on accepts the model file, having compared tensors.
void ExpectPassesLoadCheck(const std::string& path, const std::string& device);

}  // namespace hadron::test
