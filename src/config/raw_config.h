#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config/checksum.h"
#include "config/model_config.h"

// NOLINTNEXTLINE: the generated class, declared so that protobuf's headers stay in the sources
namespace inference {
class ModelConfig;
}

namespace hadron::config {

/// What somebody wrote: parsed, but neither checked nor completed. Default-made: nothing was
/// written, everything is to be completed. Move-only; externally synchronised.
class RawConfig {
 public:
  RawConfig();
  explicit RawConfig(std::unique_ptr<::inference::ModelConfig> message);
  RawConfig(RawConfig&&) noexcept;
  RawConfig& operator=(RawConfig&&) noexcept;
  ~RawConfig();

  const ::inference::ModelConfig& message() const { return *message_; }
  ::inference::ModelConfig& message() { return *message_; }

  /// The model's file inside a version directory; "model.onnx" unless the configuration says else.
  std::string model_filename() const;
  VersionPolicy version_policy() const;
  bool is_ensemble() const;
  /// The models of an ensemble's steps, each once.
  std::vector<std::string> members() const;
  /// Inputs that a request may leave out.
  std::set<std::string> optional_inputs() const;
  /// What files of the model have to be. Of a configuration that Identify() has checked.
  std::vector<Checksum> checksums() const;

 private:
  std::unique_ptr<::inference::ModelConfig> message_;  ///< never null, except after a move
};

}  // namespace hadron::config
