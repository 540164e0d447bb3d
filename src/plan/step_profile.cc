#include "plan/step_profile.h"

#include <algorithm>
#include <chrono>

namespace hadron::plan {

void StepProfile::EnqueueRun(BoundPlan& plan, device::Stream& stream) {
  stream.Host([this] {
    last_ = std::chrono::steady_clock::now();
    return base::OkStatus();
  });
  const auto pieces = static_cast<std::size_t>(plan.plan().pieces);
  for (std::size_t run = 0; run < pieces * times_.size(); ++run) {
    const std::size_t step = run % times_.size();
    plan.EnqueueStep(run / times_.size(), step, stream);
    stream.Host([this, step, first = run == step] {
      const base::TimePoint now = std::chrono::steady_clock::now();
      if (first) times_[step].push_back(0);
      times_[step].back() += std::chrono::duration<double, std::micro>(now - last_).count();
      last_ = std::chrono::steady_clock::now();
      return base::OkStatus();
    });
  }
}

std::vector<StepTime> StepProfile::Times() const {
  std::vector<StepTime> result;
  for (std::vector<double> times : times_) {
    if (times.empty()) {
      result.emplace_back();
      continue;
    }
    std::ranges::sort(times);
    result.push_back({times.front(), times[times.size() / 2]});
  }
  return result;
}

}  // namespace hadron::plan
