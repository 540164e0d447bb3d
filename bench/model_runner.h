#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "device/device.h"
#include "plan/single_plan.h"

namespace hadron::bench {

/// The executor in process, without protocol, queue or batching: arm `direct`. Runs one plan again
/// and again on the calling thread. Not thread-safe.
class ModelRunner {
 public:
  /// Loads an ONNX file and compiles it for batches of up to `rows` rows.
  static base::StatusOr<std::unique_ptr<ModelRunner>> Load(const std::string& path,
                                                           std::int64_t rows, int threads);
  ~ModelRunner();

  /// Fills all inputs with the same pseudo-random numbers as the peer gets (bytes by input).
  base::Status SetInputs(const std::vector<std::string>& bytes);
  /// Names, types and shapes of the inputs at this batch.
  const std::vector<tensor::TensorDesc>& inputs() const { return inputs_; }
  /// One run, inputs copied in and outputs copied out.
  base::StatusOr<std::vector<tensor::HostTensor>> Run();
  std::string Listing() const { return single_->plan().Listing(); }
  /// The steps in order, as the plan has them.
  const std::vector<plan::PlanStep>& steps() const { return single_->plan().steps; }
  /// Times every step, over `runs` runs.
  base::StatusOr<std::vector<plan::StepTime>> Profile(int runs);

 private:
  ModelRunner() = default;

  std::unique_ptr<device::Device> host_;
  backend::KernelRegistry kernels_;
  base::ManualExecutor lane_;
  std::unique_ptr<plan::SinglePlan> single_;
  std::vector<tensor::TensorDesc> inputs_;
  std::vector<plan::RunInput> run_inputs_;
  std::int64_t rows_ = 1;
};

}  // namespace hadron::bench
