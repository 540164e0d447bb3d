#include "protocol/rest/infer_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/strings.h"
#include "protocol/classification.h"
#include "protocol/rest/infer_header.h"
#include "protocol/rest/json_writer.h"
#include "protocol/rest/tensor_json.h"
#include "protocol/status_map.h"
#include "protocol/validation.h"

namespace hadron::protocol {
namespace {

using serving::InferenceRequest;
using tensor::HostTensor;

constexpr std::string_view kHeaderLength = "Inference-Header-Content-Length";

/// Bytes of the JSON part; the whole body without the header.
base::StatusOr<std::size_t> JsonLength(const net::HttpRequest& http, std::size_t body_size) {
  const auto text = http.headers.Find(kHeaderLength);
  if (!text) return body_size;
  const auto length = base::ParseInt64(base::Trim(*text));
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  if (!length || *length > kMax || *length < -kMax - 1) {
    return base::InvalidArgument(
        fmt::format("Unable to parse {}, got: {}", kHeaderLength, base::EscapeControl(*text)));
  }
  if (*length < 0 || static_cast<std::uint64_t>(*length) > body_size) {
    return base::InvalidArgument(fmt::format(
        "inference header size should be in range (0, {}), got: {}", body_size, *length));
  }
  return static_cast<std::size_t>(*length);
}

base::Status CheckInputSize(std::uint64_t bytes, std::uint64_t limit) {
  if (bytes <= limit) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("request size of {} bytes exceeds the maximum allowed value of {} bytes "
                  "(--http-max-input-size)",
                  bytes, limit));
}

base::Status CheckJsonSize(std::uint64_t bytes, std::uint64_t limit) {
  if (bytes <= limit) return base::OkStatus();
  return base::InvalidArgument(fmt::format(
      "request JSON size of {} bytes exceeds the maximum allowed input size of {} bytes "
      "(--http-max-input-size)",
      bytes, limit));
}

// ---- raw binary request -------------------------------------------------------------------------

/// The one shape a raw body can have: the configured one, its variable dimension found by division.
base::StatusOr<tensor::Shape> RawShape(const config::IoConfig& io, std::size_t body_bytes) {
  std::vector<std::int64_t> dims = io.dims.vector();
  const auto variable = std::count(dims.begin(), dims.end(), -1);
  if (io.type == tensor::DataType::kString) {
    if (dims != std::vector<std::int64_t>{1}) {
      return base::InvalidArgument(fmt::format(
          "For BYTES datatype raw input '{}', the model must have input shape [1], got {}", io.name,
          io.dims.ToString()));
    }
  } else if (variable > 1) {
    return base::InvalidArgument(fmt::format(
        "The shape of the raw input '{}' can not be deduced because there are more than "
        "one variable-sized dimension: {}",
        io.name, io.dims.ToString()));
  } else if (variable == 1) {
    const auto at = std::find(dims.begin(), dims.end(), -1);
    *at = 1;
    const auto unit = tensor::Shape(dims).CheckedBytes(io.type).value_or(0);
    *at = unit == 0 ? 0 : static_cast<std::int64_t>(body_bytes / unit);
  }
  return tensor::Shape(std::move(dims));
}

base::Status DecodeRaw(const base::IoBuf& body, std::uint64_t limit, DecodedInfer& out) {
  HADRON_RETURN_IF_ERROR(CheckInputSize(body.size(), limit));
  const config::ModelConfig& config = out.request.model->config();
  if (config.inputs().size() != 1) {
    return base::InvalidArgument(fmt::format(
        "Raw request must only have 1 input (found {}) to be deduced but model '{}' has {} inputs",
        config.inputs().size(), out.request.model->name(), config.inputs().size()));
  }
  const config::IoConfig& io = config.inputs().front();
  HADRON_ASSIGN_OR_RETURN(tensor::Shape shape, RawShape(io, body.size()));
  if (config.batched()) shape = shape.WithFirst(1);
  HostTensor input{{io.name, io.type, std::move(shape)}, body};
  if (io.type == tensor::DataType::kString) {
    std::string prefix(sizeof(std::uint32_t), '\0');
    base::StoreLe(std::as_writable_bytes(std::span(prefix)).data(),
                  static_cast<std::uint32_t>(body.size()));
    input.bytes = base::IoBuf::FromString(std::move(prefix));
    input.bytes.Append(body);
  }
  out.request.inputs.push_back(std::move(input));
  out.form.otherwise.binary = true;
  return ValidateRequest(out.request);
}

// ---- JSON request -------------------------------------------------------------------------------

/// Gives each input its bytes: those of `data`, or the next of the binary section.
base::Status TakeInputs(InferHeader& header, const base::IoBuf& binary, InferenceRequest& request) {
  std::size_t at = 0;
  for (InferHeaderInput& input : header.inputs) {
    base::IoBuf bytes;
    if (input.data) {
      bytes = std::move(*input.data);
    } else {
      const std::size_t left = binary.size() - at;
      if (*input.binary_size > left) {
        return base::InvalidArgument(fmt::format(
            "unexpected size for input '{}', expecting {} additional bytes for model '{}'",
            base::EscapeControl(input.desc.name), *input.binary_size - left,
            request.model->name()));
      }
      bytes = binary.Sub(at, static_cast<std::size_t>(*input.binary_size));
      at += bytes.size();
    }
    request.inputs.push_back({std::move(input.desc), std::move(bytes)});
  }
  if (at == binary.size()) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("unexpected additional input data for model '{}': {} bytes behind the last input",
                  request.model->name(), binary.size() - at));
}

/// Remembers how each output is wanted.
void TakeOutputs(InferHeader& header, DecodedInfer& out) {
  out.form.otherwise.binary = header.binary_data_output;
  for (InferHeaderOutput& output : header.outputs) {
    out.form.listed[output.name] = {output.binary.value_or(header.binary_data_output),
                                    output.classification};
    out.request.requested_outputs.push_back(std::move(output.name));
  }
}

/// Refuses what cannot be written before it is computed.
base::Status CheckOutputForms(const InferenceRequest& request, const ResponseForm& form) {
  const std::vector<std::string>& names = request.requested_outputs;
  for (const config::IoConfig& io : request.model->config().outputs()) {
    if (!names.empty() && std::find(names.begin(), names.end(), io.name) == names.end()) continue;
    const OutputForm& wanted = form.Of(io.name);
    if (wanted.classification > 0) {
      HADRON_RETURN_IF_ERROR(CheckClassifiable(io.name, io.type));
    } else if (!wanted.binary) {
      HADRON_RETURN_IF_ERROR(
          CheckJsonType(io.type, "sending").With(fmt::format("output '{}'", io.name)));
    }
  }
  return base::OkStatus();
}

base::Status DecodeJson(const base::IoBuf& body, std::size_t json_length, std::uint64_t limit,
                        DecodedInfer& out) {
  HADRON_RETURN_IF_ERROR(CheckJsonSize(json_length, limit));
  const base::IoBuf json = body.Sub(0, json_length).Flatten();
  HADRON_ASSIGN_OR_RETURN(InferHeader header, ParseInferHeader(base::AsText(json.bytes()), limit));
  out.request.id = header.id;
  out.form.id = header.id;
  for (auto& [key, value] : header.parameters) {
    HADRON_RETURN_IF_ERROR(SetParameter(out.request, key, std::move(value),
                                        "Unable to parse '" + base::EscapeControl(key) + "'"));
  }
  HADRON_RETURN_IF_ERROR(
      TakeInputs(header, body.Sub(json_length, body.size() - json_length), out.request));
  TakeOutputs(header, out);
  HADRON_RETURN_IF_ERROR(ValidateRequest(out.request));
  return CheckOutputForms(out.request, out.form);
}

// ---- response -----------------------------------------------------------------------------------

void WriteOutput(const HostTensor& tensor, bool binary, JsonWriter& json, base::IoBuf& blobs) {
  json.BeginObject().Key("name").String(tensor.desc.name);
  json.Key("datatype").String(tensor::DataTypeName(tensor.desc.type));
  json.Key("shape").Raw(base::JoinInts(tensor.desc.shape.dims()));
  if (binary) {
    json.Key("parameters").BeginObject();
    json.Key("binary_data_size").Int(tensor.bytes.size()).EndObject();
    blobs.Append(tensor.bytes);
  } else {
    json.Key("data");
    WriteTensorData(tensor, json.out());
  }
  json.EndObject();
}

base::Status WriteOutputs(const model::ModelVersion& model, const ResponseForm& form,
                          const serving::InferenceResponse& response, JsonWriter& json,
                          base::IoBuf& blobs) {
  json.Key("outputs").BeginArray();
  for (const HostTensor& output : response.outputs) {
    const OutputForm& wanted = form.Of(output.desc.name);
    if (wanted.classification == 0) {
      WriteOutput(output, wanted.binary, json, blobs);
      continue;
    }
    const auto labels = response.LabelsOf(model, output.desc.name);
    HADRON_ASSIGN_OR_RETURN(
        const HostTensor classes,
        Classify(output, wanted.classification, model.config().batched(), labels.get()));
    WriteOutput(classes, wanted.binary, json, blobs);
  }
  json.EndArray();
  return base::OkStatus();
}

void CompressBody(net::ContentCoding coding, net::HttpResponse& http) {
  if (coding == net::ContentCoding::kIdentity) return;
  auto packed = net::Compress(http.body, coding);
  if (!packed.ok()) return;  // the plain form is right, too
  http.body = std::move(*packed);
  http.headers.emplace_back("Content-Encoding", net::ContentCodingName(coding));
}

}  // namespace

net::HttpResponse FailureResponse(const base::Status& status) {
  net::HttpResponse response = net::ErrorResponse(HttpStatus(status), status.message());
  if (const auto seconds = RetryAfterSeconds(status)) {
    response.headers.emplace_back("Retry-After", std::to_string(*seconds));
  }
  if (status.code() == base::StatusCode::kUnimplemented) {
    // The one encoding-related 501 must say what is taken; with the others it does no harm.
    response.headers.emplace_back("Accept-Encoding", "gzip, deflate");
  }
  if (status.code() == base::StatusCode::kUnauthenticated) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  return response;
}

base::StatusOr<base::IoBuf> PlainBody(const net::HttpRequest& http, std::uint64_t max_bytes) {
  HADRON_ASSIGN_OR_RETURN(const net::ContentCoding coding,
                          net::ParseContentEncoding(http.headers.Find("Content-Encoding")));
  return net::Decompress(http.body, coding, max_bytes);
}

base::StatusOr<DecodedInfer> DecodeInfer(const net::HttpRequest& http, model::ModelHandle model,
                                         std::uint64_t max_input_bytes) {
  DecodedInfer out;
  out.request.model = std::move(model);
  out.request.cancelled = http.cancelled;
  out.form.coding = net::ChooseCoding(http.headers.Find("Accept-Encoding"));
  HADRON_ASSIGN_OR_RETURN(const base::IoBuf body, PlainBody(http, max_input_bytes));
  HADRON_ASSIGN_OR_RETURN(const std::size_t json_length, JsonLength(http, body.size()));
  const bool raw = json_length == 0 && http.headers.Find(kHeaderLength).has_value();
  HADRON_RETURN_IF_ERROR(raw ? DecodeRaw(body, max_input_bytes, out)
                             : DecodeJson(body, json_length, max_input_bytes, out));
  return out;
}

base::StatusOr<std::uint64_t> PeekTimeout(const net::HttpRequest& http,
                                          std::uint64_t max_input_bytes) {
  HADRON_ASSIGN_OR_RETURN(const base::IoBuf body, PlainBody(http, max_input_bytes));
  HADRON_ASSIGN_OR_RETURN(const std::size_t json_length, JsonLength(http, body.size()));
  if (json_length == 0) return std::uint64_t{0};
  HADRON_RETURN_IF_ERROR(CheckJsonSize(json_length, max_input_bytes));
  const base::IoBuf json = body.Sub(0, json_length).Flatten();
  HADRON_ASSIGN_OR_RETURN(InferHeader header,
                          ParseInferHeader(base::AsText(json.bytes()), max_input_bytes));
  InferenceRequest request;
  for (auto& [key, value] : header.parameters) {
    HADRON_RETURN_IF_ERROR(SetParameter(request, key, std::move(value),
                                        "Unable to parse '" + base::EscapeControl(key) + "'"));
  }
  return request.timeout_us;
}

net::HttpResponse EncodeInfer(const model::ModelVersion& model, const ResponseForm& form,
                              const serving::InferenceResponse& response) {
  if (!response.status.ok()) return FailureResponse(response.status);
  JsonWriter json;
  base::IoBuf blobs;
  json.BeginObject();
  if (!form.id.empty()) json.Key("id").String(form.id);
  json.Key("model_name").String(model.name());
  json.Key("model_version").String(std::to_string(model.version()));
  const base::Status written = WriteOutputs(model, form, response, json, blobs);
  if (!written.ok()) return FailureResponse(written);
  json.EndObject();
  net::HttpResponse http;
  http.body = base::IoBuf::FromString(json.Take());
  if (blobs.empty()) {
    http.headers.emplace_back("Content-Type", "application/json");
  } else {
    http.headers.emplace_back("Content-Type", "application/octet-stream");
    http.headers.emplace_back(kHeaderLength, std::to_string(http.body.size()));
    http.body.Append(blobs);
  }
  CompressBody(form.coding, http);
  return http;
}

}  // namespace hadron::protocol
