#include "config/raw_config.h"

#include "config/wire/build.h"
#include "model_config.pb.h"

namespace hadron::config {

RawConfig::RawConfig() : message_(std::make_unique<::inference::ModelConfig>()) {}

RawConfig::RawConfig(std::unique_ptr<::inference::ModelConfig> message)
    : message_(std::move(message)) {}

RawConfig::RawConfig(RawConfig&&) noexcept = default;
RawConfig& RawConfig::operator=(RawConfig&&) noexcept = default;
RawConfig::~RawConfig() = default;

std::string RawConfig::model_filename() const {
  const std::string& given = message_->default_model_filename();
  return given.empty() ? "model.onnx" : given;
}

VersionPolicy RawConfig::version_policy() const { return wire::BuildVersionPolicy(*message_); }

}  // namespace hadron::config
