#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "config/model_config.h"
#include "onnx/loaded_model.h"
#include "tensor/host_tensor.h"

namespace hadron::model {

/// Inputs that a request may leave out (`optional: true`): the model file has a default for each,
/// an initializer of the same name.

/// Their defaults, by name; of models that batch one row. INVALID_ARGUMENT for an input without one
/// and for one that has the wrong shape.
base::StatusOr<std::map<std::string, tensor::HostTensor>> ReadDefaults(
    const onnx::LoadedModel& loaded, const config::ModelConfig& config);

}  // namespace hadron::model
