#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "plan/compiled_model.h"
#include "plan/execution_plan.h"
#include "plan/step_profile.h"

namespace hadron::cli::explain {

enum class StepKind : std::uint8_t {
  kInput,
  kNative,     ///< vector kernels of the CPU
  kOpenCl,     ///< a device program
  kReference,  ///< the plain code on the host that has no faster kernel
  kReorder,    ///< another layout
  kCopy,       ///< between host and device, or to an output
  kOutput,
};
inline constexpr std::size_t kStepKinds = 7;
/// "native", "opencl", "reference", "reorder", "copy", ...
std::string_view KindName(StepKind kind);

/// A tensor between two entries.
struct Flow {
  static constexpr int kConstant = -1;
  int from = kConstant;  ///< entry that makes it; kConstant: part of the plan
  std::string type;      ///< "FP32"
  tensor::Shape shape;
  std::string layout;  ///< "plain", "channels-last"; "" where there is one order only
  std::uint64_t bytes = 0;
};

/// One row of a plan: an input of the model, a step, or an output.
struct Entry {
  StepKind kind = StepKind::kNative;
  int step = -1;                   ///< number of the step, -1 for inputs and outputs
  std::string op;                  ///< "Conv", "reorder", "upload", "input"
  std::string node;                ///< names in the model; of copies and reorders: of the tensor
  std::vector<std::string> fused;  ///< "Add", "Relu", further nodes' operators, in their order
  std::string kernel;              ///< algorithm
  std::vector<Flow> inputs;        ///< computed ones
  std::vector<Flow> outputs;
  std::uint64_t output_bytes = 0;
  std::uint64_t weight_bytes = 0;
  std::uint64_t scratch_bytes = 0;
  plan::StepTime time;
};

/// All that is said about a plan, in no format yet.
struct PlanReport {
  std::string model;
  std::string file;
  std::string device;  ///< id, name and class
  std::int64_t batch = 1;
  std::int64_t pieces = 1;  ///< of the batch that run one after the other; times are of all
  int threads = 1;
  int runs = 0;
  std::vector<std::string> disabled_passes;
  std::map<std::string, int> file_ops;  ///< nodes of the file by operator
  std::map<std::string, int> ops;       ///< nodes left by the passes
  std::uint64_t weight_bytes = 0;
  std::uint64_t host_arena_bytes = 0;
  std::uint64_t device_arena_bytes = 0;
  std::uint64_t io_bytes = 0;
  plan::StepTime run;          ///< whole runs, not measured step by step
  std::vector<Entry> entries;  ///< inputs, steps in their order, outputs

  /// Sum over the steps.
  plan::StepTime total() const;
};

/// Nodes by operator.
std::map<std::string, int> CountOps(const graph::Graph& graph);

/// Entries of a plan and its bytes; `times` by step.
void DescribePlan(const plan::CompiledModel& model, const plan::ExecutionPlan& plan,
                  const std::vector<plan::StepTime>& times, PlanReport& report);

}  // namespace hadron::cli::explain
