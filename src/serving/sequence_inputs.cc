#include "serving/sequence_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/strings.h"
#include "tensor/string_tensor.h"

namespace hadron::serving {
namespace {

using config::SequenceControl;
using config::SequenceState;
using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

template <typename T>
base::IoBuf Value(T value) {
  return base::IoBuf::Copy(std::as_bytes(std::span(&value, 1)));
}

base::IoBuf Zeros(DataType type, std::int64_t elements) {
  // The length of an empty string is a zero of four bytes.
  const std::size_t size = type == DataType::kString ? 4 : tensor::ElementSize(type);
  return base::IoBuf::FromVector(std::vector<std::byte>(static_cast<std::size_t>(elements) * size));
}

bool Flagged(const InferenceRequest& request, std::string_view key) {
  const auto it = request.parameters.find(key);
  const bool* const value =
      it == request.parameters.end() ? nullptr : std::get_if<bool>(&it->second);
  return value != nullptr && *value;
}

SequenceId ReadId(const InferenceRequest& request) {
  const auto it = request.parameters.find("sequence_id");
  if (it == request.parameters.end()) return std::uint64_t{0};
  if (const auto* text = std::get_if<std::string>(&it->second)) return *text;
  if (const auto* number = std::get_if<std::uint64_t>(&it->second)) return *number;
  const auto* number = std::get_if<std::int64_t>(&it->second);
  return number == nullptr ? std::uint64_t{0} : static_cast<std::uint64_t>(*number);
}

/// One row of the output of a run, with bytes of its own: a sequence shall not keep the others'.
HostTensor RowOf(const HostTensor& whole, std::int64_t row, std::int64_t rows) {
  if (rows == 1) return whole;
  HostTensor part{whole.desc, {}};
  part.desc.shape[0] = 1;
  const std::int64_t elements = part.desc.shape.elements();
  if (whole.desc.type == DataType::kString) {
    part.bytes = base::IoBuf::FromString(
        tensor::SubStrings(whole.bytes, row * elements, elements).ToString());
    return part;
  }
  const std::size_t bytes =
      static_cast<std::size_t>(elements) * tensor::ElementSize(whole.desc.type);
  part.bytes = base::IoBuf::FromString(
      whole.bytes.Sub(static_cast<std::size_t>(row) * bytes, bytes).ToString());
  return part;
}

}  // namespace

std::string ToString(const SequenceId& id) {
  const auto* text = std::get_if<std::string>(&id);
  return text != nullptr ? base::EscapeControl(*text) : std::to_string(std::get<0>(id));
}

bool SequenceMark::named() const { return id != SequenceId() && id != SequenceId(std::string()); }

SequenceMark ReadSequenceMark(const InferenceRequest& request) {
  return {ReadId(request), Flagged(request, "sequence_start"), Flagged(request, "sequence_end")};
}

SequenceInputs::SequenceInputs(std::shared_ptr<const config::ModelConfig> config,
                               const graph::Graph& graph,
                               const std::map<std::string, base::IoBuf>& initial)
    : config_(std::move(config)), rules_(*config_->sequence_batching()) {
  for (const graph::ValueId id : graph.inputs()) {
    const graph::Value& value = graph.value(id);
    control_shapes_[value.name] = Shape(std::vector<std::int64_t>(value.shape.size(), 1));
  }
  for (const SequenceState& state : rules_.states) {
    const auto output = std::ranges::find(graph.outputs(), state.output, &graph::GraphOutput::name);
    HADRON_CHECK(output != graph.outputs().end());  // the load has checked it
    state_outputs_.push_back(static_cast<std::size_t>(output - graph.outputs().begin()));
    const Shape shape = config_->batched() ? state.initial_dims.WithFirst(1) : state.initial_dims;
    const auto content = initial.find(state.input);
    initial_.push_back(
        {{state.input, state.type, shape},
         content != initial.end() ? content->second : Zeros(state.type, shape.elements())});
  }
}

base::Status SequenceInputs::CheckId(const SequenceMark& mark) const {
  const auto control = std::ranges::find(rules_.controls, SequenceControl::Kind::kCorrelationId,
                                         &SequenceControl::kind);
  if (control == rules_.controls.end()) return {};
  const bool is_text = std::holds_alternative<std::string>(mark.id);
  if (is_text == (control->type == DataType::kString)) return {};
  return base::InvalidArgument(fmt::format(
      "sequence_id {} of a request to model '{}' is {}, but the model takes {}: its input '{}' "
      "(CONTROL_SEQUENCE_CORRID) has type {}",
      ToString(mark.id), config_->name(), is_text ? "a string" : "a number",
      is_text ? "numbers" : "strings", control->input, tensor::DataTypeName(control->type)));
}

HostTensor SequenceInputs::Flag(const SequenceControl& control, bool on) const {
  const double value = on ? control.yes : control.no;
  HostTensor tensor{{control.input, control.type, control_shapes_.at(control.input)}, {}};
  if (control.type == DataType::kBool) {
    tensor.bytes = Value(static_cast<std::uint8_t>(value != 0 ? 1 : 0));
  } else if (control.type == DataType::kInt32) {
    tensor.bytes = Value(static_cast<std::int32_t>(value));
  } else {
    tensor.bytes = Value(static_cast<float>(value));
  }
  return tensor;
}

HostTensor SequenceInputs::Id(const SequenceControl& control, const SequenceId& id) const {
  HostTensor tensor{{control.input, control.type, control_shapes_.at(control.input)}, {}};
  if (control.type == DataType::kString) {
    const auto* text = std::get_if<std::string>(&id);
    tensor.bytes = tensor::EncodeStrings(std::vector{text != nullptr ? *text : std::string()});
    return tensor;
  }
  const auto* number = std::get_if<std::uint64_t>(&id);
  const std::uint64_t value = number != nullptr ? *number : 0;
  // Types of 32 bits get the lower ones.
  tensor.bytes = tensor::ElementSize(control.type) == 4 ? Value(static_cast<std::uint32_t>(value))
                                                        : Value(value);
  return tensor;
}

std::vector<HostTensor> SequenceInputs::ForRequest(const SequenceMark& mark,
                                                   const State& state) const {
  std::vector<HostTensor> inputs = state;
  for (const SequenceControl& control : rules_.controls) {
    switch (control.kind) {
      case SequenceControl::Kind::kStart:
        inputs.push_back(Flag(control, mark.start));
        break;
      case SequenceControl::Kind::kReady:
        inputs.push_back(Flag(control, true));
        break;
      case SequenceControl::Kind::kEnd:
        inputs.push_back(Flag(control, mark.end));
        break;
      case SequenceControl::Kind::kCorrelationId:
        inputs.push_back(Id(control, mark.id));
        break;
    }
  }
  return inputs;
}

std::vector<HostTensor> SequenceInputs::ForNobody(const std::vector<HostTensor>& others) const {
  std::vector<HostTensor> inputs(others.begin(),
                                 others.begin() + static_cast<std::ptrdiff_t>(initial_.size()));
  for (const SequenceControl& control : rules_.controls) {
    const bool is_id = control.kind == SequenceControl::Kind::kCorrelationId;
    inputs.push_back(is_id ? Id(control, SequenceId()) : Flag(control, false));
  }
  return inputs;
}

SequenceInputs::State SequenceInputs::StateAfter(const plan::RunResult& result, std::int64_t row,
                                                 std::int64_t rows) const {
  State state;
  for (std::size_t i = 0; i < state_outputs_.size(); ++i) {
    HostTensor next = RowOf(result.outputs.at(state_outputs_[i]), row, rows);
    next.desc.name = rules_.states[i].input;
    state.push_back(std::move(next));
  }
  return state;
}

}  // namespace hadron::serving
