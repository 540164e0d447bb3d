#include "model/model_version.h"

#include <fmt/format.h>

namespace hadron::model {

std::string_view VersionStateName(VersionState state) {
  switch (state) {
    case VersionState::kUnknown:
      return "UNKNOWN";
    case VersionState::kLoading:
      return "LOADING";
    case VersionState::kReady:
      return "READY";
    case VersionState::kUnloading:
      return "UNLOADING";
    case VersionState::kUnavailable:
      return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

ModelVersion::ModelVersion(Parts parts)
    : parts_(std::move(parts)),
      labels_(std::make_shared<const std::map<std::string, std::vector<std::string>>>(
          std::move(parts_.labels))),
      tried_out_(parts_.tried_out) {
  const config::ModelConfig& config = *parts_.config;
  for (const config::IoConfig& io : config.inputs()) {
    inputs_.push_back({io.name, io.type, config.ClientShape(io)});
  }
  for (const config::IoConfig& io : config.outputs()) {
    outputs_.push_back({io.name, io.type, config.ClientShape(io)});
  }
}

std::shared_ptr<const std::vector<std::string>> ModelVersion::labels(
    const std::string& output) const {
  const auto it = labels_->find(output);
  if (it == labels_->end()) return nullptr;
  return {labels_, &it->second};
}

std::map<std::string, std::string> ModelVersion::properties() const {
  if (is_ensemble()) {
    return {{"steps", fmt::format("{}", parts_.config->ensemble()->steps.size())}};
  }
  return {{"device_class", parts_.compiled->device_class()},
          {"precision", "fp32"},
          {"batch_invariant", parts_.batch_invariant ? "true" : "false"},
          {"plan_hash", parts_.compiled->plan_hash()},
          {"steps_on_device", fmt::format("{}", parts_.compiled->placement().device)},
          {"steps_on_host", fmt::format("{}", parts_.compiled->placement().host)},
          {"steps_of_copying", fmt::format("{}", parts_.compiled->placement().copies)},
          {"weight_bytes", fmt::format("{}", parts_.compiled->weights()->total_bytes())}};
}

}  // namespace hadron::model
