#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "config/wire/agents.h"
#include "config/wire/checks.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

base::Status CheckPlatform(const ::inference::ModelConfig& config) {
  const std::string& platform = config.platform();
  const std::string& backend = config.backend();
  if (platform != "onnxruntime_onnx" && platform != "ensemble" && !platform.empty()) {
    return base::InvalidArgument(fmt::format(
        "platform {} is not supported; Hadron serves 'onnxruntime_onnx'", Quote(platform)));
  }
  if (backend != "onnxruntime" && backend != "hadron" && !backend.empty()) {
    return base::InvalidArgument(fmt::format(
        "backend {} is not supported; Hadron serves 'onnxruntime' (or 'hadron', the same)",
        Quote(backend)));
  }
  return base::OkStatus();
}

base::Status CheckResponseCache(const ::inference::ModelConfig& config) {
  if (!config.response_cache().enable()) return base::OkStatus();
  if (config.has_sequence_batching()) {
    return base::InvalidArgument("response_cache may not be combined with sequence_batching");
  }
  return base::OkStatus();
}

base::Status CheckWarmupOnRestore(const ::inference::ModelConfig& config) {
  const auto again = config.parameters().find(kWarmupOnRestore);
  if (again == config.parameters().end()) return base::OkStatus();
  const std::string& value = again->second.string_value();
  if (value == "true" || value == "false") return base::OkStatus();
  return base::InvalidArgument(fmt::format("parameters: {}: {} is neither 'true' nor 'false'",
                                           kWarmupOnRestore, Quote(value)));
}

/// Fields that are refused whatever they hold.
base::Status CheckRefused(const ::inference::ModelConfig& config) {
  if (config.model_operations().op_library_filename_size() > 0) {
    return base::InvalidArgument("model_operations: custom operator libraries are not supported");
  }
  if (config.model_transaction_policy().decoupled()) {
    return base::InvalidArgument(
        "model_transaction_policy: an ONNX model answers each request once; decoupled must be "
        "false");
  }
  if (config.parameters().contains("TRITON_BATCH_STRATEGY_PATH")) {
    return base::InvalidArgument(
        "parameters: TRITON_BATCH_STRATEGY_PATH: custom batching libraries are not supported");
  }
  const auto idle = config.parameters().find(kIdleEvictSecs);
  if (idle != config.parameters().end()) {
    if (!ParseIdleSecs(idle->second.string_value())) {
      return base::InvalidArgument(
          fmt::format("parameters: {}: {} is not a number of seconds from 0 (never) to {}",
                      kIdleEvictSecs, Quote(idle->second.string_value()), kLongestIdleSecs));
    }
  }
  const auto batching = config.parameters().find(kBatching);
  if (batching != config.parameters().end() && batching->second.string_value() != "off") {
    return base::InvalidArgument(
        fmt::format("parameters: {}: {} is not 'off', which is all it can say", kBatching,
                    Quote(batching->second.string_value())));
  }
  for (const auto& group : config.instance_group()) {
    if (group.profile_size() > 0) {
      return base::InvalidArgument("instance_group: profile is only for TensorRT models");
    }
  }
  HADRON_RETURN_IF_ERROR(CheckWarmupOnRestore(config));
  auto agents = ReadAgents(config);
  if (!agents.ok()) return std::move(agents).status();
  return CheckResponseCache(config);
}

base::Status CheckSchedulerKind(const ::inference::ModelConfig& config) {
  if (config.has_sequence_batching()) {
    HADRON_RETURN_IF_ERROR(CheckSequenceBatching(config));
  }
  if (config.has_ensemble_scheduling() || config.platform() == "ensemble") {
    return CheckEnsemble(config);
  }
  return base::OkStatus();
}

}  // namespace

base::Status CheckFeatures(const ::inference::ModelConfig& config) {
  HADRON_RETURN_IF_ERROR(CheckPlatform(config));
  if (config.max_batch_size() < 0) {
    return base::InvalidArgument(
        fmt::format("'max_batch_size' must not be negative, but is {}", config.max_batch_size()));
  }
  if (!config.default_model_filename().empty()) {
    HADRON_RETURN_IF_ERROR(
        CheckRelativePath("default_model_filename", config.default_model_filename()));
  }
  HADRON_RETURN_IF_ERROR(CheckRefused(config));
  HADRON_RETURN_IF_ERROR(CheckSchedulerKind(config));
  return CheckBatchIo(config);
}

}  // namespace hadron::config::wire
