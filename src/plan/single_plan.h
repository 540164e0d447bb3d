#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "device/device.h"
#include "plan/bound_plan.h"
#include "plan/compiled_model.h"
#include "plan/step_profile.h"
#include "tensor/host_tensor.h"

namespace hadron::plan {

/// One plan of a model with a stream and memory of its own: what a Lane is for a server, for tools
/// and tests that run a single plan again and again. One run at a time; `done` is called on the
/// stream's thread, and Collect is for after it. Externally synchronised.
///
///     HADRON_ASSIGN_OR_RETURN(auto single, SinglePlan::Create(places, model, shapes));
///     single->Start(inputs, [](base::Status status) { ... });
class SinglePlan {
 public:
  /// All outlive the plan. `device` and `host` are one object when the device is the CPU; `lane`
  /// runs the host's part. `owner` is the name in the memory ledgers.
  struct Places {
    device::Device& device;
    device::Device& host;
    base::Executor& lane;
    std::string owner;
  };
  /// The weights are bound (uploaded) here: `lane` must be running if the device needs that.
  static base::StatusOr<std::unique_ptr<SinglePlan>> Create(
      const Places& places, std::shared_ptr<const CompiledModel> model,
      std::span<const tensor::Shape> shapes);

  /// One run: inputs copied in, all steps.
  void Start(std::vector<RunInput> inputs, device::StreamCallback done);
  /// The same, and every step's time goes to `profile`, which outlives the run.
  void StartProfiled(std::vector<RunInput> inputs, StepProfile& profile,
                     device::StreamCallback done);
  /// Microseconds of the steps of the last run of Start, as the stream's host thread saw them.
  double last_run_us() const { return last_run_us_; }
  /// The first `rows` rows of every output of the last run.
  base::StatusOr<std::vector<tensor::HostTensor>> Collect(std::int64_t rows) const;

  const CompiledModel& model() const { return *model_; }
  const ExecutionPlan& plan() const { return *plan_; }

 private:
  SinglePlan() = default;
  void Gather(std::vector<RunInput> inputs);

  base::TimePoint begin_;  ///< touched on the stream's host thread only, but between runs
  double last_run_us_ = 0;

  std::shared_ptr<const CompiledModel> model_;
  std::shared_ptr<const ExecutionPlan> plan_;
  std::unique_ptr<device::DeviceBuffer> io_;
  std::unique_ptr<device::DeviceBuffer> host_arena_;
  std::unique_ptr<device::DeviceBuffer> device_arena_;
  std::unique_ptr<BoundPlan> bound_;
  std::unique_ptr<device::Stream> stream_;
};

}  // namespace hadron::plan
