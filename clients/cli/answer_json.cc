#include "cli/answer_json.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "cpp/tensor_json.h"
#include "tensor/data_type.h"

namespace hadron::cli {
namespace {

using base::JsonQuote;

std::string DataJson(const client::Tensor& tensor) {
  std::string text = "[";
  const auto add = [&text](const std::string& element) {
    if (text.size() > 1) text += ',';
    text += element;
  };
  for (const std::string& element : tensor.strings) add(JsonQuote(element));
  const auto type = tensor::DataTypeFromName(tensor.datatype);
  const std::size_t size = type ? tensor::ElementSize(*type) : 0;
  for (std::size_t i = 0; size > 0 && (i + 1) * size <= tensor.bytes.size(); ++i) {
    add(client::ElementText(tensor.bytes, *type, i));
  }
  return text + "]";
}

}  // namespace

std::string AnswerJson(const client::InferResponse& response) {
  std::vector<std::string> outputs;
  for (const client::Tensor& output : response.outputs) {
    outputs.push_back(fmt::format(R"({{"name":{},"datatype":{},"shape":{},"data":{}}})",
                                  JsonQuote(output.name), JsonQuote(output.datatype),
                                  base::JoinInts(output.shape), DataJson(output)));
  }
  return fmt::format("{{\"model_name\":{},\"model_version\":{},\"outputs\":[{}]}}\n",
                     JsonQuote(response.model), JsonQuote(response.version),
                     base::Join(outputs, ","));
}

std::string IndexJson(const std::vector<client::ModelIndexEntry>& entries) {
  std::vector<std::string> models;
  for (const client::ModelIndexEntry& entry : entries) {
    models.push_back(fmt::format(R"({{"name":{},"version":{},"state":{},"reason":{}}})",
                                 JsonQuote(entry.name), JsonQuote(entry.version),
                                 JsonQuote(entry.state), JsonQuote(entry.reason)));
  }
  return fmt::format("[{}]\n", base::Join(models, ","));
}

std::string StatusJson(bool live, bool ready, const client::ServerMetadata& server) {
  std::vector<std::string> extensions;
  for (const std::string& extension : server.extensions) extensions.push_back(JsonQuote(extension));
  return fmt::format(
      "{{\"live\":{},\"ready\":{},\"name\":{},\"version\":{},\"extensions\":[{}]}}\n", live, ready,
      JsonQuote(server.name), JsonQuote(server.version), base::Join(extensions, ","));
}

}  // namespace hadron::cli
