#include <fmt/format.h>

#include <set>
#include <string>

#include "config/wire/checks.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

template <typename Io>
base::Status CheckSource(const ::inference::ModelConfig& config, const Io& io,
                         std::string_view field) {
  if (io.source_input_size() != 1) {
    return base::InvalidArgument(fmt::format("{} must have exactly one 'source_input'", field));
  }
  // Inputs that are still to be completed cannot be looked up yet.
  if (config.input().empty() || FindInput(config, io.source_input(0)) != nullptr) {
    return base::OkStatus();
  }
  return base::InvalidArgument(
      fmt::format("{}: source_input {} is no input", field, Quote(io.source_input(0))));
}

base::Status CheckBatchInput(const ::inference::ModelConfig& config,
                             const ::inference::BatchInput& input) {
  HADRON_RETURN_IF_ERROR(CheckSource(config, input, "batch_input"));
  if (input.data_type() != ::inference::TYPE_INT32 && input.data_type() != ::inference::TYPE_FP32) {
    return base::InvalidArgument("batch_input: data_type must be TYPE_INT32 or TYPE_FP32");
  }
  for (const std::string& target : input.target_name()) {
    if (FindInput(config, target) == nullptr) continue;
    return base::InvalidArgument(
        fmt::format("batch_input: target {} may not be listed as input as well", Quote(target)));
  }
  return base::OkStatus();
}

base::Status CheckBatchOutput(const ::inference::ModelConfig& config,
                              const ::inference::BatchOutput& output,
                              std::set<std::string>& targets) {
  HADRON_RETURN_IF_ERROR(CheckSource(config, output, "batch_output"));
  for (const std::string& target : output.target_name()) {
    if (!config.output().empty() && FindOutput(config, target) == nullptr) {
      return base::InvalidArgument(
          fmt::format("batch_output: target {} is no output", Quote(target)));
    }
    if (!targets.insert(target).second) {
      return base::InvalidArgument(
          fmt::format("batch_output: target {} is named twice", Quote(target)));
    }
  }
  return base::OkStatus();
}

}  // namespace

base::Status CheckBatchIo(const ::inference::ModelConfig& config) {
  for (const auto& input : config.batch_input()) {
    HADRON_RETURN_IF_ERROR(CheckBatchInput(config, input));
  }
  std::set<std::string> targets;
  for (const auto& output : config.batch_output()) {
    HADRON_RETURN_IF_ERROR(CheckBatchOutput(config, output, targets));
  }
  return base::OkStatus();
}

}  // namespace hadron::config::wire
