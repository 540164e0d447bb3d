#include "model/trial_lane.h"

#include <future>
#include <utility>

namespace hadron::model {

using base::Status;
using base::StatusOr;

StatusOr<TrialLane> TrialLane::Create(Dependencies dependencies, const std::string& name) {
  HADRON_ASSIGN_OR_RETURN(auto lane, plan::Lane::Create(dependencies.device, dependencies.host,
                                                        dependencies.executor, name));
  return TrialLane(dependencies, std::move(lane));
}

Status TrialLane::Run(const ResidencyPin& version, std::shared_ptr<const plan::ExecutionPlan> plan,
                      std::vector<plan::RunInput> inputs, std::int64_t rows) {
  if (const std::uint64_t missing = lane_->MissingArena(*plan)) {
    HADRON_ASSIGN_OR_RETURN(plan::ArenaPlace arena,
                            deps_.residency.ObtainArena(*version.version(), missing));
    lane_->GiveArena(std::move(arena));
  }
  std::promise<Status> ran;
  plan::RunRequest run;
  run.plan = std::move(plan);
  run.weights = version.weights_ptr();
  run.inputs = std::move(inputs);
  run.rows = rows;
  run.done = [&ran](plan::RunResult result) { ran.set_value(std::move(result.status)); };
  HADRON_RETURN_IF_ERROR(lane_->Submit(run));
  return ran.get_future().get();
}

}  // namespace hadron::model
