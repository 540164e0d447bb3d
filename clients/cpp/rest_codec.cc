#include "cpp/rest_codec.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/strings.h"
#include "cpp/tensor_json.h"
#include "cpp/wire_tensor.h"

namespace hadron::client::rest {
namespace {

using base::InvalidArgument;
using base::JsonQuote;
using base::Status;
using base::StatusOr;

/// Characters of an answer that is no JSON that an error message shows.
constexpr std::size_t kShownText = 200;

std::string OutputJson(const RequestedOutput& output) {
  const std::string classification =
      output.classification == 0 ? ""
                                 : fmt::format(R"(,"classification":{})", output.classification);
  return fmt::format(R"({{"name":{},"parameters":{{"binary_data":true{}}}}})",
                     JsonQuote(output.name), classification);
}

std::string HeaderJson(const InferRequest& request, const std::string& inputs) {
  std::string json = "{";
  if (!request.id.empty()) json += fmt::format(R"("id":{},)", JsonQuote(request.id));
  json += fmt::format(R"("parameters":{{"binary_data_output":true}},"inputs":[{}])", inputs);
  if (!request.outputs.empty()) {
    std::vector<std::string> outputs;
    for (const RequestedOutput& output : request.outputs) outputs.push_back(OutputJson(output));
    json += fmt::format(R"(,"outputs":[{}])", base::Join(outputs, ","));
  }
  return json + "}";
}

/// Array member `key` of an object, or null.
const json::Array* ArrayAt(const json::Value& json, std::string_view key) {
  const json::Value* member = json.Find(key);
  return member == nullptr ? nullptr : member->AsArray();
}

std::vector<std::string> StringsAt(const json::Value& json, std::string_view key) {
  std::vector<std::string> strings;
  if (const json::Array* array = ArrayAt(json, key)) {
    for (const json::Value& element : *array) {
      if (const std::string* text = element.AsString()) strings.push_back(*text);
    }
  }
  return strings;
}

std::uint64_t Uint64At(const json::Value& json, std::string_view key) {
  const json::Value* member = json.Find(key);
  return member == nullptr ? 0 : member->AsUint64().value_or(0);
}

StatusOr<std::vector<std::int64_t>> ShapeOf(const json::Value& json) {
  const json::Array* array = ArrayAt(json, "shape");
  if (array == nullptr) return InvalidArgument("a tensor has no 'shape'");
  std::vector<std::int64_t> shape;
  for (const json::Value& element : *array) {
    const auto dim = element.AsInt64();
    if (!dim) return InvalidArgument("a dimension is no integer");
    shape.push_back(*dim);
  }
  return shape;
}

StatusOr<std::vector<TensorInfo>> TensorInfos(const json::Value& json, std::string_view key) {
  std::vector<TensorInfo> infos;
  const json::Array* array = ArrayAt(json, key);
  if (array == nullptr) return InvalidArgument(fmt::format("'{}' is missing", key));
  for (const json::Value& element : *array) {
    HADRON_ASSIGN_OR_RETURN(auto shape, ShapeOf(element));
    infos.push_back({element.StringAt("name"), element.StringAt("datatype"), std::move(shape)});
  }
  return infos;
}

/// Reads the outputs of an answer one after the other; binary ones advance through the blob.
class OutputReader {
 public:
  explicit OutputReader(base::IoBuf blob) : blob_(std::move(blob)) {}

  StatusOr<Tensor> Read(const json::Value& json) {
    Tensor tensor;
    tensor.name = json.StringAt("name");
    tensor.datatype = json.StringAt("datatype");
    HADRON_ASSIGN_OR_RETURN(tensor.shape, ShapeOf(json));
    HADRON_RETURN_IF_ERROR(ReadContent(json, tensor));
    return tensor;
  }

 private:
  Status ReadContent(const json::Value& json, Tensor& tensor) {
    const json::Value* parameters = json.Find("parameters");
    const json::Value* size =
        parameters == nullptr ? nullptr : parameters->Find("binary_data_size");
    if (size == nullptr) return ReadJson(json, tensor);
    const auto bytes = size->AsUint64();
    if (!bytes || *bytes > blob_.size() - at_) {
      return InvalidArgument(fmt::format("output '{}' is longer than the answer", tensor.name));
    }
    const base::IoBuf content = blob_.Sub(at_, *bytes);
    at_ += *bytes;
    return FromWire(content, tensor);
  }

  static Status ReadJson(const json::Value& json, Tensor& tensor) {
    const auto type = tensor::DataTypeFromName(tensor.datatype);
    const json::Value* data = json.Find("data");
    if (!type || data == nullptr) {
      return InvalidArgument(fmt::format("output '{}' has no data that can be read", tensor.name));
    }
    HADRON_ASSIGN_OR_RETURN(TensorData content, TensorFromJson(*data, *type));
    tensor.bytes = std::move(content.bytes);
    tensor.strings = std::move(content.strings);
    return ToWire(tensor).status();  // checks the size
  }

  const base::IoBuf blob_;
  std::size_t at_ = 0;
};

}  // namespace

StatusOr<InferBody> EncodeInfer(const InferRequest& request) {
  std::vector<std::string> inputs;
  base::IoBuf blob;
  for (const Tensor& tensor : request.inputs) {
    HADRON_ASSIGN_OR_RETURN(const base::IoBuf bytes, ToWire(tensor));
    inputs.push_back(fmt::format(
        R"({{"name":{},"datatype":{},"shape":{},"parameters":{{"binary_data_size":{}}}}})",
        JsonQuote(tensor.name), JsonQuote(tensor.datatype), base::JoinInts(tensor.shape),
        bytes.size()));
    blob.Append(bytes);
  }
  std::string header = HeaderJson(request, base::Join(inputs, ","));
  InferBody result;
  result.header_bytes = header.size();
  result.body = base::IoBuf::FromString(std::move(header));
  result.body.Append(blob);
  return result;
}

StatusOr<InferResponse> DecodeInfer(const std::string& body,
                                    std::optional<std::size_t> header_bytes) {
  const std::size_t length = header_bytes.value_or(body.size());
  if (length > body.size()) return InvalidArgument("the answer is shorter than its header");
  HADRON_ASSIGN_OR_RETURN(const json::Value json,
                          json::Parse(std::string_view(body).substr(0, length)));
  const json::Array* outputs = ArrayAt(json, "outputs");
  if (outputs == nullptr) return InvalidArgument("the answer has no 'outputs'");
  InferResponse response;
  response.model = json.StringAt("model_name");
  response.version = json.StringAt("model_version");
  response.id = json.StringAt("id");
  OutputReader reader(
      base::IoBuf::Wrap(base::AsBytes(std::string_view(body)).subspan(length), nullptr));
  for (const json::Value& output : *outputs) {
    HADRON_ASSIGN_OR_RETURN(Tensor tensor, reader.Read(output));
    response.outputs.push_back(std::move(tensor));
  }
  return response;
}

StatusOr<ServerMetadata> DecodeServerMetadata(const json::Value& json) {
  if (json.AsObject() == nullptr) return InvalidArgument("the answer is no object");
  return ServerMetadata{json.StringAt("name"), json.StringAt("version"),
                        StringsAt(json, "extensions")};
}

StatusOr<ModelMetadata> DecodeModelMetadata(const json::Value& json) {
  ModelMetadata metadata;
  metadata.name = json.StringAt("name");
  metadata.versions = StringsAt(json, "versions");
  metadata.platform = json.StringAt("platform");
  HADRON_ASSIGN_OR_RETURN(metadata.inputs, TensorInfos(json, "inputs"));
  HADRON_ASSIGN_OR_RETURN(metadata.outputs, TensorInfos(json, "outputs"));
  const json::Value* properties = json.Find("properties");
  if (properties != nullptr && properties->AsObject() != nullptr) {
    for (const auto& [key, value] : *properties->AsObject()) {
      if (const std::string* text = value.AsString()) metadata.properties[key] = *text;
    }
  }
  return metadata;
}

StatusOr<std::vector<ModelIndexEntry>> DecodeIndex(const json::Value& json) {
  if (json.AsArray() == nullptr) return InvalidArgument("the index is no array");
  std::vector<ModelIndexEntry> entries;
  for (const json::Value& entry : *json.AsArray()) {
    entries.push_back({entry.StringAt("name"), entry.StringAt("version"), entry.StringAt("state"),
                       entry.StringAt("reason")});
  }
  return entries;
}

StatusOr<std::vector<ModelStatistics>> DecodeStatistics(const json::Value& json) {
  const json::Array* models = ArrayAt(json, "model_stats");
  if (models == nullptr) return InvalidArgument("the answer has no 'model_stats'");
  std::vector<ModelStatistics> statistics;
  for (const json::Value& model : *models) {
    ModelStatistics next;
    next.name = model.StringAt("name");
    next.version = model.StringAt("version");
    next.last_inference_ms = Uint64At(model, "last_inference");
    next.inference_count = Uint64At(model, "inference_count");
    next.execution_count = Uint64At(model, "execution_count");
    const json::Value* durations = model.Find("inference_stats");
    if (durations != nullptr && durations->AsObject() != nullptr) {
      for (const auto& [kind, value] : *durations->AsObject()) {
        next.durations[kind] = {Uint64At(value, "count"), Uint64At(value, "ns")};
      }
    }
    statistics.push_back(std::move(next));
  }
  return statistics;
}

std::string ErrorText(int status, std::string_view body) {
  const auto json = json::Parse(body);
  const std::string text = json.ok() ? json->StringAt("error") : "";
  if (!text.empty()) return text;
  return fmt::format("HTTP status {}: {}", status, base::Trim(body.substr(0, kShownText)));
}

}  // namespace hadron::client::rest
