#include "protocol/rpc/infer_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "protocol/classification.h"
#include "protocol/rpc/infer_message.h"
#include "protocol/rpc/tensor_contents.h"
#include "protocol/rpc/wire_reader.h"
#include "protocol/validation.h"

namespace hadron::protocol::rpc {
namespace {

using base::InvalidArgument;
using base::Status;
using serving::InferenceRequest;
using serving::ParameterValue;
using tensor::HostTensor;

constexpr std::string_view kRegion = "shared_memory_region";
constexpr std::string_view kRegionSize = "shared_memory_byte_size";
constexpr std::string_view kRegionOffset = "shared_memory_offset";

std::string Shown(std::string_view text) { return base::EscapeControl(text); }

std::string WrongKind(std::string_view key) {
  return fmt::format("invalid value type for '{}' parameter", Shown(key));
}

/// A whole number > `least`, whichever of its two types it came as.
base::StatusOr<std::uint64_t> NumberOf(const ParameterField& parameter, std::int64_t least) {
  std::optional<std::uint64_t> number;
  if (const auto* u = std::get_if<std::uint64_t>(&*parameter.value)) number = *u;
  if (const auto* i = std::get_if<std::int64_t>(&*parameter.value)) {
    if (*i < least) {
      return InvalidArgument(fmt::format("parameter '{}' is {}; it must be at least {}",
                                         Shown(parameter.key), *i, least));
    }
    number = static_cast<std::uint64_t>(*i);
  }
  if (!number) return InvalidArgument(WrongKind(parameter.key));
  if (*number < static_cast<std::uint64_t>(least)) {
    return InvalidArgument(
        fmt::format("parameter '{}' must be at least {}", Shown(parameter.key), least));
  }
  return *number;
}

Status CheckChoice(const ParameterFields& parameters) {
  for (const ParameterField& parameter : parameters) {
    if (!parameter.value) return InvalidArgument(WrongKind(parameter.key));
  }
  return {};
}

/// The shared-memory parameters of an input or output. Regions cannot be registered, so the only
/// good outcome is that there are none.
Status CheckRegion(std::string_view name, const ParameterFields& parameters) {
  const bool region = FindParameter(parameters, kRegion) != nullptr;
  for (const std::string_view key : {kRegionSize, kRegionOffset}) {
    const ParameterField* number = FindParameter(parameters, key);
    if (number == nullptr) continue;
    if (!region) {
      return InvalidArgument(fmt::format("'{}' can not be specified without '{}' for tensor '{}'",
                                         key, kRegion, Shown(name)));
    }
    HADRON_RETURN_IF_ERROR(NumberOf(*number, 0).CloneStatus());
  }
  if (!region) return {};
  if (FindParameter(parameters, kRegionSize) == nullptr) {
    return InvalidArgument(fmt::format("'{}' must be specified along with '{}' for tensor '{}'",
                                       kRegionSize, kRegion, Shown(name)));
  }
  return base::Unimplemented(
      fmt::format("Client shared memory is disabled: send the data of tensor '{}' in the message",
                  Shown(name)));
}

Status TakeParameters(ParameterFields parameters, InferenceRequest& request) {
  for (ParameterField& parameter : parameters) {
    if (parameter.key == "triton_enable_empty_final_response") {
      // Meant for models with several answers to a request; none of ours is.
      if (parameter.value && std::holds_alternative<bool>(*parameter.value)) continue;
      return InvalidArgument(WrongKind(parameter.key));
    }
    HADRON_RETURN_IF_ERROR(CheckParameterKey(parameter.key));
    if (!parameter.value) return InvalidArgument(WrongKind(parameter.key));
    HADRON_RETURN_IF_ERROR(SetParameter(request, parameter.key, std::move(*parameter.value),
                                        WrongKind(parameter.key)));
  }
  return {};
}

/// Finds the data of one input after the other.
class InputTaker {
 public:
  InputTaker(const RpcFrontend::Services& services, std::vector<base::IoBuf>& raw)
      : services_(services), raw_(raw) {}

  base::StatusOr<HostTensor> Take(InputField input) {
    HADRON_RETURN_IF_ERROR(CheckChoice(input.parameters));
    HADRON_RETURN_IF_ERROR(CheckRegion(input.name, input.parameters));
    const auto type = tensor::DataTypeFromName(input.datatype);
    if (!type) {
      return InvalidArgument(fmt::format("datatype '{}' of input '{}' is not one of the protocol",
                                         Shown(input.datatype), Shown(input.name)));
    }
    HostTensor tensor;
    tensor.desc = {std::move(input.name), *type, tensor::Shape(std::move(input.shape))};
    HADRON_ASSIGN_OR_RETURN(tensor.bytes, DataOf(tensor.desc, input.contents));
    return tensor;
  }

  Status CheckAllUsed() const {
    if (next_ == raw_.size()) return {};
    return InvalidArgument(
        fmt::format("the request has {} raw_input_contents but only {} inputs to read them",
                    raw_.size(), next_));
  }

 private:
  base::StatusOr<base::IoBuf> DataOf(const tensor::TensorDesc& desc,
                                     const std::optional<base::IoBuf>& contents) {
    if (contents && !raw_.empty()) {
      return InvalidArgument(
          fmt::format("contents field must not be specified when using raw_input_contents for "
                      "input tensor '{}'",
                      Shown(desc.name)));
    }
    if (contents) {
      HADRON_ASSIGN_OR_RETURN(base::IoBuf bytes,
                              ConvertContents(desc, *contents, services_.request_memory));
      services_.metrics->copied_in_bytes.Add(bytes.size());
      return bytes;
    }
    if (next_ == raw_.size()) {
      return InvalidArgument(
          fmt::format("unable to find data for input tensor '{}'", Shown(desc.name)));
    }
    return std::move(raw_[next_++]);
  }

  const RpcFrontend::Services& services_;
  std::vector<base::IoBuf>& raw_;
  std::size_t next_ = 0;
};

Status TakeInputs(const RpcFrontend::Services& services, InferMessage& message,
                  InferenceRequest& request) {
  InputTaker taker(services, message.raw_inputs);
  request.inputs.reserve(message.inputs.size());
  for (InputField& input : message.inputs) {
    HADRON_ASSIGN_OR_RETURN(HostTensor tensor, taker.Take(std::move(input)));
    request.inputs.push_back(std::move(tensor));
  }
  return taker.CheckAllUsed();
}

Status TakeOutputs(std::vector<OutputField> outputs, InferenceRequest& request,
                   InferAnswer& answer) {
  for (OutputField& output : outputs) {
    HADRON_RETURN_IF_ERROR(CheckChoice(output.parameters));
    const ParameterField* classes = FindParameter(output.parameters, "classification");
    if (classes != nullptr && FindParameter(output.parameters, kRegion) != nullptr) {
      return InvalidArgument(fmt::format(
          "output can't set both 'shared_memory_region' and 'classification': '{}' does",
          Shown(output.name)));
    }
    HADRON_RETURN_IF_ERROR(CheckRegion(output.name, output.parameters));
    if (classes != nullptr) {
      HADRON_ASSIGN_OR_RETURN(const std::uint64_t k, NumberOf(*classes, 1));
      answer.classifications.push_back({output.name, k});
    }
    request.requested_outputs.push_back(std::move(output.name));
  }
  return {};
}

Status CheckClassifications(const InferAnswer& answer) {
  for (const InferAnswer::Classification& wanted : answer.classifications) {
    const config::IoConfig* io = answer.model->config().FindOutput(wanted.output);
    HADRON_RETURN_IF_ERROR(CheckClassifiable(wanted.output, io->type));
  }
  return {};
}

Status ClassifyOutputs(const InferAnswer& answer, serving::InferenceResponse& response) {
  for (const InferAnswer::Classification& wanted : answer.classifications) {
    for (HostTensor& output : response.outputs) {
      if (output.desc.name != wanted.output) continue;
      const auto labels = response.LabelsOf(*answer.model, wanted.output);
      HADRON_ASSIGN_OR_RETURN(
          output, Classify(output, wanted.k, answer.model->config().batched(), labels.get()));
    }
  }
  return {};
}

Status CheckSize(const WireWriter& message) {
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  if (message.size() <= kMost) return {};
  return InvalidArgument(
      fmt::format("the response has {} bytes, which exceeds gRPC's byte size limit of {}; ask for "
                  "fewer outputs "
                  "or send a smaller batch",
                  message.size(), kMost));
}

void WriteIdentity(const InferAnswer& answer, bool with_model, WireWriter& message) {
  if (with_model && answer.model != nullptr) {
    message.Text(1, answer.model->name());
    message.Text(2, std::to_string(answer.model->version()));
  }
  message.Text(3, answer.id);
}

}  // namespace

Status ReadInfer(const Backend& backend, const base::IoBuf& bytes, IncomingInfer& incoming,
                 InferAnswer& answer) {
  answer.received = backend.services.clock->Now();
  InferMessage& message = incoming.message;
  Status decoded = DecodeInferMessage(bytes, message);
  answer.id = message.id;
  if (!decoded.ok()) return decoded;
  HADRON_RETURN_IF_ERROR(backend.services.state->CheckServing());
  HADRON_ASSIGN_OR_RETURN(const model::ModelManager* models, backend.Models());
  HADRON_ASSIGN_OR_RETURN(
      incoming.version, ParseVersion(message.model_version,
                                     "failed to get model version from specified version string"));
  model::ModelManager::Lookup lookup = models->LookUp(message.model_name, incoming.version);
  if (!lookup.wait) {
    HADRON_ASSIGN_OR_RETURN(answer.model, std::move(lookup.found));
    return {};
  }
  // What no model could accept causes no load.
  InferenceRequest probe;
  HADRON_RETURN_IF_ERROR(TakeParameters(message.parameters, probe));
  incoming.timeout_us = probe.timeout_us;
  return {};
}

serving::InferenceEngine::Wanted WantedModel(const IncomingInfer& incoming,
                                             std::shared_ptr<const std::atomic<bool>> cancelled) {
  return {incoming.message.model_name, incoming.version, incoming.timeout_us, std::move(cancelled)};
}

Status AcceptInfer(const Backend& backend, IncomingInfer incoming, InferenceRequest& request,
                   InferAnswer& answer) {
  InferMessage& message = incoming.message;
  request.id = message.id;
  request.model = answer.model;
  request.received = answer.received;
  HADRON_RETURN_IF_ERROR(TakeParameters(std::move(message.parameters), request));
  HADRON_RETURN_IF_ERROR(TakeInputs(backend.services, message, request));
  HADRON_RETURN_IF_ERROR(TakeOutputs(std::move(message.outputs), request, answer));
  HADRON_RETURN_IF_ERROR(ValidateRequest(request));
  return CheckClassifications(answer);
}

base::StatusOr<WireWriter> EncodeInfer(const InferAnswer& answer,
                                       serving::InferenceResponse response, bool final_flag) {
  HADRON_RETURN_IF_ERROR(ClassifyOutputs(answer, response));
  const std::vector<HostTensor>& outputs = response.outputs;
  WireWriter message;
  WriteIdentity(answer, true, message);
  if (final_flag) {
    WireWriter value;
    value.Bool(1, true);
    WireWriter entry;
    entry.Text(1, "triton_final_response");
    entry.Message(2, value);
    message.Message(4, entry);
  }
  for (const HostTensor& output : outputs) {
    WireWriter description;
    description.Text(1, output.desc.name);
    description.Text(2, tensor::DataTypeName(output.desc.type));
    description.PackedInt64(3, output.desc.shape.dims());
    message.Message(5, description);
  }
  for (const HostTensor& output : outputs) message.Bytes(6, output.bytes);
  HADRON_RETURN_IF_ERROR(CheckSize(message));
  return message;
}

base::StatusOr<base::IoBuf> EncodeStreamInfer(const WireWriter& response) {
  WireWriter message;
  message.Message(2, response);
  HADRON_RETURN_IF_ERROR(CheckSize(message));
  return std::move(message).Finish();
}

base::IoBuf EncodeStreamFailure(const InferAnswer& answer, bool accepted, const Status& status) {
  WireWriter response;
  WriteIdentity(answer, accepted, response);
  WireWriter message;
  message.Text(1, WireText(status));
  message.Message(2, response);
  return std::move(message).Finish();
}

void ObserveAnswer(const Backend& backend, const InferAnswer& answer, base::StatusCode code) {
  if (answer.model == nullptr) return;
  const std::chrono::duration<double> elapsed = backend.services.clock->Now() - answer.received;
  answer.model->metrics().ObserveRequest(telemetry::Protocol::kGrpc, code, elapsed.count());
}

std::string WireText(const Status& status) {
  constexpr std::size_t kMost = 2000;
  const std::string& text = status.message();
  if (text.size() <= kMost && IsUtf8(text)) return text;
  // A sequence of several bytes may have been cut in two, or never was one: none is kept.
  std::string ascii = text.substr(0, kMost);
  std::ranges::replace_if(
      ascii, [](char c) { return static_cast<unsigned char>(c) > 0x7f; }, '?');
  return text.size() > kMost ? ascii + "..." : ascii;
}

}  // namespace hadron::protocol::rpc
