#pragma once

#include <atomic>
#include <string>

#include "base/status.h"
#include "device/memory_pool.h"
#include "model/model_version.h"
#include "model/repository.h"
#include "model/trial_lane.h"

namespace hadron::model {

/// Where the samples of a model's warm-up come from, and what they may take.
struct WarmUpSource {
  const ScannedModel& model;        ///< files lie in its directory `warmup`
  device::MemoryPool& host_memory;  ///< a batch of a sample is booked here before it is made
  const std::atomic<bool>& cancelled;
  std::string owner;  ///< "model 'x' version 1"
};

/// Whether a version runs its samples now. One that comes back as what it was has run them already,
/// and does so again only if its parameter hadron.warmup_on_restore says "true".
bool WantsWarmUp(const config::ModelConfig& config, bool comes_back);

/// Runs the samples of `model_warmup` in the order of the configuration, each as often as it says
/// for every instance, before the version answers requests. A batch repeats the sample's one item.
/// The first sample that cannot be made, or fails, is the status. Nothing of it is counted.
/// Load threads only; blocks.
base::Status WarmUp(const WarmUpSource& source, const ResidencyPin& version, TrialLane& lane);

}  // namespace hadron::model
