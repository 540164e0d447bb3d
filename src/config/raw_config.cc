#include "config/raw_config.h"

#include <set>

#include "base/check.h"
#include "config/wire/agents.h"
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

bool RawConfig::is_ensemble() const { return message_->has_ensemble_scheduling(); }

std::vector<std::string> RawConfig::members() const {
  std::set<std::string> names;
  for (const auto& step : message_->ensemble_scheduling().step()) names.insert(step.model_name());
  return {names.begin(), names.end()};
}

std::set<std::string> RawConfig::optional_inputs() const {
  std::set<std::string> names;
  for (const auto& input : message_->input()) {
    if (input.optional()) names.insert(input.name());
  }
  return names;
}

std::vector<Checksum> RawConfig::checksums() const {
  auto sums = wire::ReadAgents(*message_);
  HADRON_CHECK(sums.ok());
  return std::move(sums).value();
}

VersionPolicy RawConfig::version_policy() const { return wire::BuildVersionPolicy(*message_); }

}  // namespace hadron::config
