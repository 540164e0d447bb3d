#pragma once

#include <string>

#include "base/status.h"
#include "config/raw_config.h"

namespace hadron::cli::explain {

/// Where a model is, and what was written about it.
struct ModelFiles {
  std::string onnx;          ///< path of the model's file
  std::string name;          ///< the model's directory, or the file without its ending
  config::RawConfig config;  ///< from config.pbtxt where there is one; identified
};

/// Finds the model of a path: a model file, a version directory or a model's directory (its newest
/// version). A config.pbtxt counts where a repository has it. NOT_FOUND and INVALID_ARGUMENT name
/// the path, what is there instead and what to give.
base::StatusOr<ModelFiles> FindModel(const std::string& path);

}  // namespace hadron::cli::explain
