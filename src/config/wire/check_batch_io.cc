#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "config/wire/checks.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

using Names = std::set<std::string>;

/// What batch_input and batch_output have in common.
template <typename Io>
base::Status CheckBoth(const ::inference::ModelConfig& config, const Io& io, std::string_view field,
                       Names& targets) {
  if (io.source_input_size() != 1) {
    return base::InvalidArgument(fmt::format("{} must have exactly one 'source_input'", field));
  }
  // Inputs that are still to be completed cannot be looked up yet.
  if (!config.input().empty() && FindInput(config, io.source_input(0)) == nullptr) {
    return base::InvalidArgument(
        fmt::format("{}: source_input {} is no input", field, Quote(io.source_input(0))));
  }
  if (io.target_name().empty()) {
    return base::InvalidArgument(fmt::format("{} must specify 'target_name'", field));
  }
  for (const std::string& target : io.target_name()) {
    if (targets.insert(target).second) continue;
    return base::InvalidArgument(fmt::format("{}: target {} is named twice", field, Quote(target)));
  }
  return base::OkStatus();
}

base::Status CheckInput(const ::inference::ModelConfig& config,
                        const ::inference::BatchInput& input, Names& targets) {
  HADRON_RETURN_IF_ERROR(CheckBoth(config, input, "batch_input", targets));
  if (input.data_type() != ::inference::TYPE_INT32 && input.data_type() != ::inference::TYPE_FP32) {
    return base::InvalidArgument("batch_input: data_type must be TYPE_INT32 or TYPE_FP32");
  }
  for (const std::string& target : input.target_name()) {
    if (FindInput(config, target) != nullptr || IsSequenceInput(config, target)) {
      return base::InvalidArgument(
          fmt::format("batch_input: target {} may not be listed as input as well", Quote(target)));
    }
  }
  return base::OkStatus();
}

template <typename Io>
tensor::Shape ModelShape(const Io& io) {
  return io.has_reshape() ? ToShape(io.reshape().shape()) : ToShape(io.dims());
}

/// Every -1 of the output takes the size of the same dimension of the source.
base::Status CheckScatter(const ::inference::ModelInput& source,
                          const ::inference::ModelOutput& target) {
  const tensor::Shape from = ModelShape(source);
  const tensor::Shape to = ModelShape(target);
  for (std::size_t axis = from.rank(); axis < to.rank(); ++axis) {
    if (to[axis] >= 0) continue;
    return base::InvalidArgument(
        fmt::format("batch_output: target {} of shape {} has the size -1 where its source_input {} "
                    "of shape {} has no dimension",
                    Quote(target.name()), to.ToString(), Quote(source.name()), from.ToString()));
  }
  return base::OkStatus();
}

base::Status CheckOutput(const ::inference::ModelConfig& config,
                         const ::inference::BatchOutput& output, Names& targets) {
  HADRON_RETURN_IF_ERROR(CheckBoth(config, output, "batch_output", targets));
  const auto* source = FindInput(config, output.source_input(0));
  for (const std::string& name : output.target_name()) {
    const auto* target = FindOutput(config, name);
    if (target == nullptr && !config.output().empty()) {
      return base::InvalidArgument(
          fmt::format("batch_output: target {} is no output", Quote(name)));
    }
    if (target != nullptr && source != nullptr) {
      HADRON_RETURN_IF_ERROR(CheckScatter(*source, *target));
    }
  }
  return base::OkStatus();
}

base::Status CheckRaggedInputs(const ::inference::ModelConfig& config) {
  for (const auto& input : config.input()) {
    if (!input.allow_ragged_batch() || !input.optional()) continue;
    return base::InvalidArgument(
        fmt::format("model input {}: optional may not be combined with allow_ragged_batch",
                    Quote(input.name())));
  }
  return base::OkStatus();
}

}  // namespace

bool IsRagged(const ::inference::ModelConfig& config) {
  return config.batch_input_size() > 0 || config.batch_output_size() > 0 ||
         std::ranges::any_of(config.input(), &::inference::ModelInput::allow_ragged_batch);
}

base::Status CheckBatchIo(const ::inference::ModelConfig& config) {
  Names inputs;
  for (const auto& input : config.batch_input()) {
    HADRON_RETURN_IF_ERROR(CheckInput(config, input, inputs));
  }
  Names outputs;
  for (const auto& output : config.batch_output()) {
    HADRON_RETURN_IF_ERROR(CheckOutput(config, output, outputs));
  }
  HADRON_RETURN_IF_ERROR(CheckRaggedInputs(config));
  if (!IsRagged(config) || config.max_batch_size() > 0) return base::OkStatus();
  return base::InvalidArgument(
      "allow_ragged_batch, batch_input and batch_output need max_batch_size > 0: they are about "
      "batches");
}

}  // namespace hadron::config::wire
