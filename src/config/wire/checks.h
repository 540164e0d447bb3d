#pragma once

#include <string_view>

#include "base/status.h"
#include "model_config.pb.h"

namespace hadron::config::wire {

/// Checks on the message, one aspect each. All answer INVALID_ARGUMENT for what contradicts the
/// rules of docs/model_configuration.md, naming the field and the remedy.

/// Before the model's file is opened: platform and backend, file names, what Hadron refuses for
/// ever (INVALID_ARGUMENT) and what it does not do yet (UNIMPLEMENTED).
base::Status CheckFeatures(const ::inference::ModelConfig& config);
base::Status CheckSequenceBatching(const ::inference::ModelConfig& config);
base::Status CheckEnsemble(const ::inference::ModelConfig& config);
/// Ragged batches: allow_ragged_batch, batch_input and batch_output. Of inputs and outputs that are
/// to be completed it cannot say much yet: checked again on the completed message.
base::Status CheckBatchIo(const ::inference::ModelConfig& config);

/// On the completed message.
base::Status CheckTensors(const ::inference::ModelConfig& config);
base::Status CheckDynamicBatching(const ::inference::ModelConfig& config);
base::Status CheckWarmup(const ::inference::ModelConfig& config);

/// Whether the model sees how a batch is made up.
bool IsRagged(const ::inference::ModelConfig& config);

/// Whether sequence_batching has the server fill this input of the model.
bool IsSequenceInput(const ::inference::ModelConfig& config, std::string_view name);

const ::inference::ModelInput* FindInput(const ::inference::ModelConfig& config,
                                         std::string_view name);
const ::inference::ModelOutput* FindOutput(const ::inference::ModelConfig& config,
                                           std::string_view name);

}  // namespace hadron::config::wire
