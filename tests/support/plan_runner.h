#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backend/kernel.h"
#include "base/executor.h"
#include "base/status.h"
#include "device/device.h"
#include "plan/batch_invariance.h"
#include "plan/bound_plan.h"
#include "plan/compiled_model.h"
#include "tensor/host_tensor.h"

namespace hadron::test {

struct PlanRunnerOptions {
  /// "cpu", or the first OpenCL device: "opencl", with a family forced "opencl-cpu", "opencl-gpu".
  std::string device = "cpu";
  std::vector<std::string> disabled_passes = {};
  bool reference_only = false;
  std::int64_t max_batch = 8;
  int threads = 2;
};

/// A compiled model with memory of its own and a thread that plays the lane. Arenas and the
/// memory of inputs and outputs are poisoned before every run: a tensor that is read before it is
/// written shows as NaN. Not thread-safe.
///
///     HADRON_ASSIGN_OR_RETURN(auto runner, PlanRunner::Create(std::move(graph), {}));
///     auto outputs = runner->Run(inputs);
class PlanRunner {
 public:
  /// NOT_FOUND when this build or machine has no such device.
  static base::StatusOr<std::unique_ptr<PlanRunner>> Create(graph::Graph graph,
                                                            PlanRunnerOptions options);
  ~PlanRunner();
  PlanRunner(const PlanRunner&) = delete;
  PlanRunner& operator=(const PlanRunner&) = delete;

  /// Inputs in the order of the graph, all with the same number of rows (dimension 0).
  base::StatusOr<std::vector<tensor::HostTensor>> Run(
      const std::vector<tensor::HostTensor>& inputs);
  /// What the server's loads ask of every model. The ledgers end where they were.
  base::StatusOr<plan::InvarianceOutcome> CheckBatchInvariance();

  const plan::CompiledModel& model() const { return *model_; }

 private:
  PlanRunner() = default;
  base::Status OpenDevice(const std::string& name);
  device::Device& device() { return device_ == nullptr ? *host_ : *device_; }

  std::unique_ptr<device::Device> host_;
  std::unique_ptr<device::Device> device_;  ///< null when the host is the device
  backend::KernelRegistry kernels_;
  base::TaskQueue lane_;
  std::jthread lane_thread_;
  std::unique_ptr<device::Stream> stream_;
  std::shared_ptr<const plan::CompiledModel> model_;
  std::shared_ptr<const plan::WeightBinding> weights_;
};

}  // namespace hadron::test
