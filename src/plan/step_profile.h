#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "device/device.h"
#include "plan/bound_plan.h"

namespace hadron::plan {

/// Microseconds of one step over the runs of a profile.
struct StepTime {
  double least = 0;
  double median = 0;
};

/// Measures the steps of a plan: each run enqueues them one by one with the clock read between
/// them, on the thread that runs the stream's host tasks. On a device that computes elsewhere a
/// step's time includes being told of its end.
/// Externally synchronised; outlives the runs it has enqueued.
///
///     StepProfile profile(bound.plan().steps.size());
///     profile.EnqueueRun(bound, stream);  // then Record, Flush, wait; again and again
///     for (const StepTime& time : profile.Times()) ...
class StepProfile {
 public:
  explicit StepProfile(std::size_t steps) : times_(steps) {}

  /// All steps of one run; the inputs are gathered already.
  void EnqueueRun(BoundPlan& plan, device::Stream& stream);
  /// By step, of the runs that have finished; zeros without any.
  std::vector<StepTime> Times() const;

 private:
  base::TimePoint last_;
  std::vector<std::vector<double>> times_;  ///< by step, by run
};

}  // namespace hadron::plan
