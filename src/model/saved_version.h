#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/model_config.h"
#include "model/image_file.h"
#include "plan/compiled_model.h"

namespace hadron::model {

/// What is kept of a version that has left host memory, so that it comes back as what it was,
/// whatever has become of its files, and without being compiled anew. Immutable.
struct SavedVersion {
  std::shared_ptr<const config::ModelConfig> config;
  std::map<std::string, std::vector<std::string>> labels;
  std::map<std::string, base::IoBuf> initial_states;
  std::map<std::string, tensor::HostTensor> defaults;
  std::shared_ptr<const plan::CompiledModel> compiled;  ///< over weights that are not in memory
  std::shared_ptr<const ImageFile> weights;
};

}  // namespace hadron::model
