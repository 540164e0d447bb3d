#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "device/device.h"
#include "model/model_version.h"
#include "model/residency_manager.h"
#include "plan/lane.h"

namespace hadron::model {

/// A lane for runs that are nobody's requests: a load tries its model out on it. What it takes goes
/// back when it dies, whether the load succeeds or not. One load thread at a time; blocks.
class TrialLane {
 public:
  struct Dependencies {
    device::Device& device;
    device::Device& host;
    base::Executor& executor;  ///< runs the host tasks
    ResidencyManager& residency;
  };
  static base::StatusOr<TrialLane> Create(Dependencies dependencies, const std::string& name);

  /// One run up to its end; the status is the run's. `inputs` by graph input, `rows` of them count.
  base::Status Run(const ResidencyPin& version, std::shared_ptr<const plan::ExecutionPlan> plan,
                   std::vector<plan::RunInput> inputs, std::int64_t rows);

 private:
  TrialLane(Dependencies dependencies, std::unique_ptr<plan::Lane> lane)
      : deps_(dependencies), lane_(std::move(lane)) {}

  Dependencies deps_;
  std::unique_ptr<plan::Lane> lane_;
};

}  // namespace hadron::model
