#pragma once

#include <cstdint>
#include <vector>

#include "config/model_config.h"
#include "plan/lane.h"
#include "serving/batch.h"
#include "serving/kept_tensors.h"

namespace hadron::serving {

/// Whether a model's inputs may come from, and its outputs stay on, the device: not where the
/// server itself looks at their bytes (ragged batches, states of sequences, answers that are kept),
/// and not of ensembles, which hand them on.
bool TakesDeviceTensors(const config::ModelConfig& config);

/// Bytes of the outputs that the batch's requests want to stay on the device, as far as this plan
/// makes them there.
std::uint64_t BytesToKeep(const Batch& batch, const plan::ExecutionPlan& plan);

/// Finds places for them, notes them with the requests and in the run. Where there is no room the
/// output goes to the host like any other.
void KeepOutputs(Batch& batch, const plan::ExecutionPlan& plan, KeptTensors& room,
                 plan::RunRequest& run);

/// The batch's run has ended well. Returns how many bytes it has left on the device.
std::uint64_t NoteKept(const Batch& batch);

}  // namespace hadron::serving
