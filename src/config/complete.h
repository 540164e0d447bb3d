#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/model_config.h"
#include "config/raw_config.h"
#include "graph/graph.h"

namespace hadron::config {

/// What Identify() may know of a model before any file is opened.
struct ModelDirectory {
  std::string name;                              ///< the directory's, which is the model's
  std::vector<std::string> first_version_files;  ///< of the first version, in lexical order
};

struct CompletionOptions {
  bool strict = false;                      ///< complete nothing from the model's file
  std::int64_t default_max_batch_size = 4;  ///< for batchable models that do not say
  std::int64_t gpu_count = 0;               ///< devices that KIND_GPU may mean
  bool allow_cpu_fallback = false;          ///< KIND_GPU without a GPU becomes KIND_CPU
};

/// First half of a load, before the model's file is opened: settles name, backend and file name,
/// and refuses what Hadron cannot serve. INVALID_ARGUMENT for what is wrong, UNIMPLEMENTED, naming
/// the field, for what this version does not do.
base::StatusOr<RawConfig> Identify(RawConfig raw, const ModelDirectory& directory, bool strict);

/// Second half: fills what is missing from `graph`, whose shapes have been inferred, fills the
/// defaults, checks everything that can be checked without the graph. `raw` comes from Identify().
/// A null graph is allowed when inputs and outputs are given (a configuration checked on its own).
base::StatusOr<std::shared_ptr<const ModelConfig>> Complete(const RawConfig& raw,
                                                            const graph::Graph* graph,
                                                            const CompletionOptions& options);

/// Compares names, types, shapes and the batch dimension with a version's graph. INVALID_ARGUMENT
/// names the tensor and both shapes.
base::Status CheckAgainstGraph(const ModelConfig& config, const graph::Graph& graph);

/// Empty when requests may be joined along dimension 0: every input has a first dimension of any
/// size, all the same one, and the first dimension of the named outputs (of all, when none is
/// named) is exactly that; else the reason.
base::StatusOr<std::string> WhyNotBatchable(const graph::Graph& graph,
                                            std::span<const std::string> outputs = {});

}  // namespace hadron::config
