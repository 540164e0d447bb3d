#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "config/wire/checks.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

using ::inference::ModelSequenceBatching;
using Control = ModelSequenceBatching::Control;
using State = ModelSequenceBatching::State;

base::Status CheckCorrelationId(const Control& control) {
  const bool has_pair = control.int32_false_true_size() + control.fp32_false_true_size() +
                            control.bool_false_true_size() >
                        0;
  switch (control.data_type()) {
    case ::inference::TYPE_UINT64:
    case ::inference::TYPE_INT64:
    case ::inference::TYPE_UINT32:
    case ::inference::TYPE_INT32:
    case ::inference::TYPE_STRING:
      break;
    default:
      return base::InvalidArgument(
          "CONTROL_SEQUENCE_CORRID needs data_type UINT64, INT64, UINT32, INT32 or STRING");
  }
  if (!has_pair) return base::OkStatus();
  return base::InvalidArgument("CONTROL_SEQUENCE_CORRID may not have a false/true pair");
}

base::Status CheckFlag(const Control& control) {
  const int sizes[] = {control.int32_false_true_size(), control.fp32_false_true_size(),
                       control.bool_false_true_size()};
  int pairs = 0;
  int given = 0;
  for (const int size : sizes) {
    pairs += size == 2 ? 1 : 0;
    given += size > 0 ? 1 : 0;
  }
  if (pairs == 1 && given == 1) return base::OkStatus();
  return base::InvalidArgument(fmt::format(
      "{} needs exactly one of int32_false_true, fp32_false_true, bool_false_true, with two values",
      Control::Kind_Name(control.kind())));
}

base::Status CheckControl(const Control& control, std::set<int>& kinds) {
  if (!kinds.insert(control.kind()).second) {
    return base::InvalidArgument(
        fmt::format("{} appears twice", Control::Kind_Name(control.kind())));
  }
  return control.kind() == Control::CONTROL_SEQUENCE_CORRID ? CheckCorrelationId(control)
                                                            : CheckFlag(control);
}

base::Status CheckControls(const ::inference::ModelConfig& config, std::set<std::string>& inputs) {
  std::set<int> kinds;
  for (const auto& input : config.sequence_batching().control_input()) {
    if (input.name().empty()) return base::InvalidArgument("control_input must specify 'name'");
    if (FindInput(config, input.name()) != nullptr) {
      return base::InvalidArgument(
          fmt::format("control_input {} may not be listed as input as well", Quote(input.name())));
    }
    if (!inputs.insert(input.name()).second) {
      return base::InvalidArgument(
          fmt::format("control_input {} is given twice", Quote(input.name())));
    }
    if (input.control_size() == 0) {
      return base::InvalidArgument(
          fmt::format("control_input {} needs a control", Quote(input.name())));
    }
    for (const Control& control : input.control()) {
      base::Status status = CheckControl(control, kinds);
      if (!status.ok()) {
        return std::move(status).With(fmt::format("control_input {}", Quote(input.name())));
      }
    }
    if (input.control_size() > 1) {
      return base::InvalidArgument(
          fmt::format("control_input {} has {} controls; each needs an input of its own",
                      Quote(input.name()), input.control_size()));
    }
  }
  return base::OkStatus();
}

bool InitialFits(const ModelSequenceBatching::InitialState& initial, const State& state) {
  if (initial.data_type() != state.data_type()) return false;
  if (initial.dims_size() != state.dims_size()) return false;
  for (int i = 0; i < initial.dims_size(); ++i) {
    if (initial.dims(i) < 1) return false;
    if (state.dims(i) != -1 && state.dims(i) != initial.dims(i)) return false;
  }
  return true;
}

base::Status CheckInitialState(const ModelSequenceBatching::InitialState& initial,
                               const State& state) {
  if (initial.name().empty()) return base::InvalidArgument("initial_state must specify 'name'");
  if (!InitialFits(initial, state)) {
    return base::InvalidArgument(
        "initial_state must have the state's data_type and dims, without -1");
  }
  if (initial.state_data_case() == ModelSequenceBatching::InitialState::kDataFile) {
    return CheckRelativePath("initial_state.data_file", initial.data_file());
  }
  if (initial.state_data_case() == ModelSequenceBatching::InitialState::kZeroData) {
    return base::OkStatus();
  }
  return base::InvalidArgument("initial_state needs zero_data or data_file");
}

/// Every sequence begins with this much.
base::Status CheckStateSize(const State& state) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30U;
  tensor::Shape dims =
      ToShape(state.initial_state_size() > 0 ? state.initial_state(0).dims() : state.dims());
  for (std::size_t i = 0; i < dims.rank(); ++i) dims[i] = std::max<std::int64_t>(dims[i], 1);
  const auto elements = dims.CheckedElements();
  const auto size = static_cast<std::int64_t>(
      std::max<std::size_t>(tensor::ElementSize(ToDataType(state.data_type())), 4));
  if (elements && *elements <= kMost / size) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("dims {} are more than the 1 GiB that a state may have", dims.ToString()));
}

base::Status CheckState(const State& state, std::set<std::string>& inputs) {
  if (state.input_name().empty() || state.output_name().empty()) {
    return base::InvalidArgument("must specify 'input_name' and 'output_name'");
  }
  if (!inputs.insert(state.input_name()).second) {
    return base::InvalidArgument("input_name is used by another state or control_input");
  }
  if (state.data_type() == ::inference::TYPE_INVALID || state.dims_size() == 0) {
    return base::InvalidArgument("must specify 'data_type' and 'dims'");
  }
  for (const std::int64_t dim : state.dims()) {
    if (dim < 1 && dim != -1) return base::InvalidArgument("dims must be >= 1, or -1");
  }
  if (state.initial_state_size() > 1) {
    return base::InvalidArgument("may have one initial_state only");
  }
  if (state.initial_state_size() > 0) {
    HADRON_RETURN_IF_ERROR(CheckInitialState(state.initial_state(0), state));
  }
  return CheckStateSize(state);
}

base::Status CheckStrategy(const ::inference::ModelConfig& config) {
  const ModelSequenceBatching& batching = config.sequence_batching();
  const float utilisation = batching.direct().minimum_slot_utilization();
  if (!(utilisation >= 0 && utilisation <= 1)) {
    return base::InvalidArgument("direct.minimum_slot_utilization must be between 0 and 1");
  }
  for (const int size : batching.oldest().preferred_batch_size()) {
    if (size >= 1 && size <= config.max_batch_size()) continue;
    return base::InvalidArgument(
        fmt::format("oldest.preferred_batch_size {} must be between 1 and max_batch_size ({})",
                    size, config.max_batch_size()));
  }
  if (batching.oldest().max_candidate_sequences() < 0) {
    return base::InvalidArgument("oldest.max_candidate_sequences must not be negative");
  }
  return base::OkStatus();
}

base::Status CheckParts(const ::inference::ModelConfig& config) {
  if (config.sequence_batching().iterative_sequence()) {
    return base::InvalidArgument("iterative_sequence is not supported");
  }
  HADRON_RETURN_IF_ERROR(CheckStrategy(config));
  std::set<std::string> inputs;
  HADRON_RETURN_IF_ERROR(CheckControls(config, inputs));
  for (const State& state : config.sequence_batching().state()) {
    if (FindInput(config, state.input_name()) != nullptr) {
      return base::InvalidArgument(
          fmt::format("state {} may not be listed as input as well", Quote(state.input_name())));
    }
    base::Status status = CheckState(state, inputs);
    if (!status.ok()) {
      return std::move(status).With(fmt::format("state {}", Quote(state.input_name())));
    }
  }
  return base::OkStatus();
}

}  // namespace

base::Status CheckSequenceBatching(const ::inference::ModelConfig& config) {
  return CheckParts(config).With("sequence_batching");
}

bool IsSequenceInput(const ::inference::ModelConfig& config, std::string_view name) {
  const ModelSequenceBatching& batching = config.sequence_batching();
  return std::ranges::any_of(batching.state(),
                             [&](const auto& state) { return state.input_name() == name; }) ||
         std::ranges::any_of(batching.control_input(),
                             [&](const auto& control) { return control.name() == name; });
}

}  // namespace hadron::config::wire
