#include "protocol/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "config/model_config.h"
#include "tensor/string_tensor.h"

namespace hadron::protocol {
namespace {

using config::IoConfig;
using config::ModelConfig;
using serving::InferenceRequest;
using serving::ParameterValue;
using tensor::HostTensor;

std::string Shown(std::string_view name) { return base::EscapeControl(name); }

/// "['A','B']", as the reference prints names.
std::string NameList(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back("'" + Shown(name) + "'");
  return "[" + base::Join(quoted, ",") + "]";
}

base::Status CheckOutputs(const InferenceRequest& request) {
  std::set<std::string_view> seen;
  for (const std::string& name : request.requested_outputs) {
    if (!seen.insert(name).second) {
      return base::InvalidArgument(
          fmt::format("output '{}' already exists in request", Shown(name)));
    }
    if (request.model->config().FindOutput(name) == nullptr) {
      return base::InvalidArgument(fmt::format("unexpected inference output '{}' for model '{}'",
                                               Shown(name), request.model->name()));
    }
  }
  return base::OkStatus();
}

/// Answers come in the order of the configuration, however they were asked for.
void OrderOutputs(InferenceRequest& request) {
  const ModelConfig& config = request.model->config();
  std::sort(request.requested_outputs.begin(), request.requested_outputs.end(),
            [&](const std::string& a, const std::string& b) {
              return config.FindOutput(a) < config.FindOutput(b);
            });
}

base::Status CheckDuplicateInputs(const InferenceRequest& request) {
  std::set<std::string_view> seen;
  for (const HostTensor& input : request.inputs) {
    if (!seen.insert(input.desc.name).second) {
      return base::InvalidArgument(
          fmt::format("input '{}' already exists in request", Shown(input.desc.name)));
    }
  }
  return base::OkStatus();
}

const HostTensor* FindInput(const InferenceRequest& request, std::string_view name) {
  const auto at = std::find_if(request.inputs.begin(), request.inputs.end(),
                               [&](const HostTensor& t) { return t.desc.name == name; });
  return at == request.inputs.end() ? nullptr : &*at;
}

std::string CountMessage(const InferenceRequest& request, std::size_t required) {
  const ModelConfig& config = request.model->config();
  std::vector<std::string> given;
  std::vector<std::string> missing;
  for (const HostTensor& input : request.inputs) given.push_back(input.desc.name);
  for (const IoConfig& input : config.inputs()) {
    if (!input.optional && FindInput(request, input.name) == nullptr) missing.push_back(input.name);
  }
  const std::size_t all = config.inputs().size();
  const std::string expected =
      required == all ? fmt::format("expected {} inputs", all)
                      : fmt::format("expected number of inputs between {} and {}", required, all);
  return fmt::format(
      "{} but got {} inputs for model '{}'. Got input(s) {}, but missing required input(s) {}. "
      "Please provide all required input(s).",
      expected, request.inputs.size(), request.model->name(), NameList(given), NameList(missing));
}

base::Status CheckInputCount(const InferenceRequest& request) {
  const std::vector<IoConfig>& inputs = request.model->config().inputs();
  const auto required = static_cast<std::size_t>(
      std::count_if(inputs.begin(), inputs.end(), [](const IoConfig& io) { return !io.optional; }));
  if (request.inputs.size() >= required && request.inputs.size() <= inputs.size()) {
    return base::OkStatus();
  }
  return base::InvalidArgument(CountMessage(request, required));
}

/// Puts the inputs into the order of the configuration.
base::Status OrderInputs(InferenceRequest& request) {
  const ModelConfig& config = request.model->config();
  for (const HostTensor& input : request.inputs) {
    if (config.FindInput(input.desc.name) == nullptr) {
      return base::InvalidArgument(fmt::format("unexpected inference input '{}' for model '{}'",
                                               Shown(input.desc.name), request.model->name()));
    }
  }
  const auto position = [&](const HostTensor& t) { return config.FindInput(t.desc.name); };
  std::sort(request.inputs.begin(), request.inputs.end(),
            [&](const HostTensor& a, const HostTensor& b) { return position(a) < position(b); });
  for (const IoConfig& io : config.inputs()) {
    if (!io.optional && FindInput(request, io.name) == nullptr) {
      return base::InvalidArgument(CountMessage(request, config.inputs().size()));
    }
  }
  return base::OkStatus();
}

base::Status CheckBatch(InferenceRequest& request) {
  const std::int64_t limit = request.model->config().max_batch_size();
  request.rows = 1;
  if (limit == 0 || request.inputs.empty()) return base::OkStatus();
  for (const HostTensor& input : request.inputs) {
    const HostTensor& first = request.inputs.front();
    if (input.desc.shape.rank() == 0 || input.desc.shape[0] != first.desc.shape[0]) {
      return base::InvalidArgument(
          fmt::format("input '{}' batch size does not match other inputs for '{}'", input.desc.name,
                      request.model->name()));
    }
  }
  request.rows = request.inputs.front().desc.shape[0];
  if (request.rows > limit) {
    return base::InvalidArgument(fmt::format("inference request batch-size must be <= {} for '{}'",
                                             limit, request.model->name()));
  }
  return base::OkStatus();
}

base::Status CheckType(const InferenceRequest& request, const HostTensor& input,
                       const IoConfig& io) {
  if (input.desc.type == io.type) return base::OkStatus();
  return base::InvalidArgument(fmt::format(
      "inference input '{}' data-type is '{}', but model '{}' expects '{}'", input.desc.name,
      tensor::DataTypeName(input.desc.type), request.model->name(), tensor::DataTypeName(io.type)));
}

base::Status CheckShape(const InferenceRequest& request, const HostTensor& input,
                        const IoConfig& io) {
  const tensor::Shape expected = request.model->config().ClientShape(io);
  const tensor::Shape& got = input.desc.shape;
  const bool fits = std::equal(expected.begin(), expected.end(), got.begin(), got.end(),
                               [](std::int64_t e, std::int64_t g) { return e == -1 || e == g; });
  if (fits) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("unexpected shape for input '{}' for model '{}'. Expected {}, got {}",
                  input.desc.name, request.model->name(), expected.ToString(), got.ToString()));
}

base::Status CheckBytes(const InferenceRequest& request, const HostTensor& input) {
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t expected, InputByteSize(input.desc));
  if (input.desc.type == tensor::DataType::kString) {
    return tensor::CheckStrings(input.bytes, input.desc.shape.elements())
        .With(fmt::format("input '{}' for model '{}'", input.desc.name, request.model->name()));
  }
  if (input.bytes.size() == expected) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("input byte size mismatch for input '{}' for model '{}'. Expected {}, got {}",
                  input.desc.name, request.model->name(), expected, input.bytes.size()));
}

template <typename Check>
base::Status ForEachInput(const InferenceRequest& request, Check check) {
  for (const HostTensor& input : request.inputs) {
    HADRON_RETURN_IF_ERROR(
        check(request, input, *request.model->config().FindInput(input.desc.name)));
  }
  return base::OkStatus();
}

base::Status Validate(InferenceRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckDuplicateInputs(request));
  HADRON_RETURN_IF_ERROR(CheckOutputs(request));
  OrderOutputs(request);
  HADRON_RETURN_IF_ERROR(CheckInputCount(request));
  HADRON_RETURN_IF_ERROR(OrderInputs(request));
  HADRON_RETURN_IF_ERROR(CheckBatch(request));
  HADRON_RETURN_IF_ERROR(ForEachInput(request, CheckType));
  HADRON_RETURN_IF_ERROR(ForEachInput(request, CheckShape));
  for (const HostTensor& input : request.inputs) HADRON_RETURN_IF_ERROR(CheckBytes(request, input));
  return base::OkStatus();
}

constexpr std::array<std::string_view, 7> kReserved = {
    "sequence_id", "sequence_start", "sequence_end",      "priority",
    "timeout",     "headers",        "binary_data_output"};

/// A non-negative whole number, whichever of its two types it came as.
std::optional<std::uint64_t> AsUnsigned(const ParameterValue& value) {
  if (const auto* u = std::get_if<std::uint64_t>(&value)) return *u;
  if (const auto* i = std::get_if<std::int64_t>(&value); i != nullptr && *i >= 0) {
    return static_cast<std::uint64_t>(*i);
  }
  return std::nullopt;
}

bool HasRightKind(std::string_view key, const ParameterValue& value) {
  if (key == "sequence_id") {
    return AsUnsigned(value).has_value() || std::holds_alternative<std::string>(value);
  }
  if (key == "sequence_start" || key == "sequence_end") {
    return std::holds_alternative<bool>(value);
  }
  if (key == "priority" || key == "timeout") return AsUnsigned(value).has_value();
  return true;
}

}  // namespace

std::string RequestPrefix(std::string_view id) {
  return fmt::format("[request id: {}] ", id.empty() ? "<id_unknown>" : Shown(id));
}

base::StatusOr<std::uint64_t> InputByteSize(const tensor::TensorDesc& desc) {
  const bool negative =
      std::any_of(desc.shape.begin(), desc.shape.end(), [](std::int64_t dim) { return dim < 0; });
  if (negative) {
    return base::InvalidArgument(fmt::format("input '{}' has a negative dimension in shape {}",
                                             Shown(desc.name), desc.shape.ToString()));
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!desc.shape.CheckedElements()) {
    return base::InvalidArgument(fmt::format(
        "shape {} of input '{}' causes total element count to exceed maximum size of {}",
        desc.shape.ToString(), Shown(desc.name), kMost));
  }
  const auto bytes = desc.shape.CheckedBytes(desc.type);
  if (!bytes || *bytes > static_cast<std::uint64_t>(kMost)) {
    return base::InvalidArgument(fmt::format("byte size overflow for input '{}' of shape {}",
                                             Shown(desc.name), desc.shape.ToString()));
  }
  return *bytes;
}

base::Status ValidateRequest(InferenceRequest& request) {
  base::Status status = Validate(request);
  if (status.ok()) return status;
  return {status.code(), RequestPrefix(request.id) + status.message(), status.cause()};
}

void ShortenTimeout(InferenceRequest& request, base::Duration waited) {
  if (request.timeout_us == 0) return;
  const auto used = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(waited).count());
  request.timeout_us = request.timeout_us > used ? request.timeout_us - used : 1;
}

bool IsReservedParameter(std::string_view key) {
  return std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end();
}

base::Status CheckParameterKey(std::string_view key) {
  if (!key.starts_with("triton_")) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("parameter keys starting with 'triton_' are reserved: '{}'; choose another name",
                  Shown(key)));
}

base::Status SetParameter(InferenceRequest& request, std::string_view key, ParameterValue value,
                          std::string wrong_kind) {
  HADRON_RETURN_IF_ERROR(CheckParameterKey(key));
  if (!HasRightKind(key, value)) return base::InvalidArgument(std::move(wrong_kind));
  if (key == "priority") {
    request.priority = *AsUnsigned(value);
  } else if (key == "timeout") {
    request.timeout_us = *AsUnsigned(value);
  } else {
    request.parameters.insert_or_assign(std::string(key), std::move(value));
  }
  return base::OkStatus();
}

}  // namespace hadron::protocol
