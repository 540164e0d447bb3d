#include "plan/step_profile.h"

#include <algorithm>
#include <chrono>

namespace hadron::plan {

void StepProfile::EnqueueRun(BoundPlan& plan, device::Stream& stream) {
  stream.Host([this] {
    last_ = std::chrono::steady_clock::now();
    return base::OkStatus();
  });
  for (std::size_t i = 0; i < times_.size(); ++i) {
    plan.EnqueueStep(i, stream);
    stream.Host([this, i] {
      const base::TimePoint now = std::chrono::steady_clock::now();
      times_[i].push_back(std::chrono::duration<double, std::micro>(now - last_).count());
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
