// Requests and answers of the REST protocol: JSON tensors, or the binary extension.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "bench/front_message.h"

namespace hadron::bench {
namespace {

using base::Status;

std::string JsonValues(const Tensor& tensor) {
  const auto bytes = base::AsBytes(tensor.bytes);
  // fmt writes the shortest text that reads back as the same float.
  return tensor.integer ? fmt::format("{}", fmt::join(base::AsArray<std::int32_t>(bytes), ","))
                        : fmt::format("{}", fmt::join(base::AsArray<float>(bytes), ","));
}

template <typename T>
std::string FromJson(const nlohmann::json& values) {
  std::string bytes;
  bytes.reserve(values.size() * sizeof(T));
  for (const auto& value : values) {
    const T number = value.get<T>();
    bytes.append(base::AsText(std::as_bytes(std::span(&number, 1))));
  }
  return bytes;
}

/// Length of the JSON before the binary tensors: it must be the first complete value.
std::size_t HeaderLength(std::string_view answer, std::span<const Tensor> expected) {
  std::size_t tensors = 0;
  for (const Tensor& tensor : expected) tensors += tensor.bytes.size();
  return answer.size() - std::min(answer.size(), tensors);
}

}  // namespace

WireRequest EncodeRest(Protocol protocol, const Payload& payload) {
  const bool binary = protocol == Protocol::kRestBinary;
  std::vector<std::string> inputs;
  std::string tail;
  for (const Tensor& t : payload.inputs) {
    const std::string data =
        binary ? fmt::format(R"("parameters":{{"binary_data_size":{}}})", t.bytes.size())
               : fmt::format(R"("data":[{}])", JsonValues(t));
    inputs.push_back(fmt::format(R"({{"name":"{}","datatype":"{}","shape":[{}],{}}})", t.name,
                                 t.datatype(), fmt::join(t.shape, ","), data));
    if (binary) tail += t.bytes;
  }
  std::string json = fmt::format(R"({{"inputs":[{}]{}}})", fmt::join(inputs, ","),
                                 binary ? R"(,"parameters":{"binary_data_output":true})" : "");
  std::string headers = binary ? fmt::format(
                                     "Content-Type: application/octet-stream\r\n"
                                     "Inference-Header-Content-Length: {}\r\n",
                                     json.size())
                               : "Content-Type: application/json\r\n";
  return {fmt::format("/v2/models/{}/infer", payload.model), std::move(headers), json + tail};
}

Status CheckRest(Protocol protocol, std::string_view answer, std::span<const Tensor> expected) {
  const bool binary = protocol == Protocol::kRestBinary;
  std::size_t at = binary ? HeaderLength(answer, expected) : answer.size();
  const auto json = nlohmann::json::parse(answer.substr(0, at), nullptr, false);
  if (!json.is_object() || !json.contains("outputs") || json["outputs"].size() != expected.size()) {
    return base::Internal(fmt::format("not the answer to the request: {}", answer.substr(0, 200)));
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Tensor& tensor = expected[i];
    if (binary) {
      HADRON_RETURN_IF_ERROR(CheckBytes(tensor, answer.substr(at, tensor.bytes.size())));
      at += tensor.bytes.size();
      continue;
    }
    const auto& data = json["outputs"][i]["data"];
    HADRON_RETURN_IF_ERROR(
        CheckBytes(tensor, tensor.integer ? FromJson<std::int32_t>(data) : FromJson<float>(data)));
  }
  return {};
}

}  // namespace hadron::bench
