#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/clock.h"
#include "base/strings.h"
#include "cli/answer_json.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/printable.h"
#include "cli/show_output.h"
#include "cpp/json.h"

namespace hadron::cli {
namespace {

using client::Error;
using client::ErrorCode;
using client::Result;

Error Usage(std::string message) {
  return {.code = ErrorCode::kInvalidArgument, .status = 0, .message = std::move(message)};
}

/// What the model's description says that matters here.
struct Model {
  client::ModelMetadata metadata;
  bool batching = false;
  std::set<std::string> labelled;  ///< outputs whose elements have class names
};

/// The configuration is an extension of the protocol: a server without it gets the plain view.
void ReadConfig(const std::string& text, Model& model) {
  const auto config = client::json::Parse(text);
  if (!config.ok()) return;
  const client::json::Value* batch = config->Find("max_batch_size");
  model.batching = batch != nullptr && batch->AsInt64().value_or(0) > 0;
  const client::json::Value* outputs = config->Find("output");
  if (outputs == nullptr || outputs->AsArray() == nullptr) return;
  for (const client::json::Value& output : *outputs->AsArray()) {
    if (!output.StringAt("label_filename").empty()) model.labelled.insert(output.StringAt("name"));
  }
}

Result<Model> DescribeModel(client::Client& client, const InferOptions& options) {
  auto metadata = client.GetModelMetadata(options.model, options.version);
  if (!metadata) return metadata.error();
  Model model{.metadata = std::move(*metadata), .batching = false, .labelled = {}};
  const auto config = client.GetModelConfig(options.model, options.version);
  if (config) ReadConfig(*config, model);
  return model;
}

std::string InputList(const Model& model) {
  std::vector<std::string> inputs;
  for (const client::TensorInfo& info : model.metadata.inputs) inputs.push_back(Describe(info));
  return base::Join(inputs, ", ");
}

/// The sources by input name; every input of the model must have one, and no other may.
Result<std::map<std::string, std::string>> Sources(const Model& model,
                                                   const InferOptions& options) {
  std::map<std::string, std::string> sources;
  for (const std::string& text : options.inputs) {
    auto spec = ParseInputSpec(text);
    if (!spec.ok()) return Usage(spec.message());
    if (!sources.emplace(spec->name, spec->source).second) {
      return Usage(fmt::format("--input {} is given twice", spec->name));
    }
  }
  std::size_t found = 0;
  for (const client::TensorInfo& info : model.metadata.inputs) {
    if (sources.count(info.name) == 0) {
      return Usage(fmt::format("input {} is missing: --input {}=FILE (or VALUES, random, zeros)",
                               Describe(info), info.name));
    }
    ++found;
  }
  if (found != sources.size()) {
    return Usage(fmt::format("model '{}' has other inputs: {}", options.model, InputList(model)));
  }
  return sources;
}

/// The request, and the pictures that are in it (text form).
struct Prepared {
  client::InferRequest request;
  std::string pictures;
};

Result<Prepared> Prepare(const Model& model, const InferOptions& options) {
  auto sources = Sources(model, options);
  if (!sources) return sources.error();
  const InputOptions input_options{.batch = options.batch,
                                   .invert = options.invert,
                                   .scale = options.scale,
                                   .batching = model.batching};
  std::mt19937 random(options.seed);
  Prepared prepared;
  prepared.request.model = options.model;
  prepared.request.version = options.version;
  for (const client::TensorInfo& info : model.metadata.inputs) {
    auto built = BuildInput(info, (*sources)[info.name], input_options, random);
    if (!built.ok()) return Usage(built.message());
    if (built->picture) prepared.pictures += ShowPicture(info.name, *built->picture);
    prepared.request.inputs.push_back(std::move(built->tensor));
  }
  return prepared;
}

bool Wanted(const InferOptions& options, const std::string& output) {
  return options.outputs.empty() ||
         std::ranges::find(options.outputs, output) != options.outputs.end();
}

/// For the eye, labelled outputs are asked for as classes; for programs everything comes plain.
Result<std::vector<client::RequestedOutput>> Outputs(const Model& model,
                                                     const InferOptions& options, bool classes) {
  std::vector<client::RequestedOutput> outputs;
  for (const client::TensorInfo& info : model.metadata.outputs) {
    if (!Wanted(options, info.name)) continue;
    const bool labelled = classes && model.labelled.count(info.name) > 0;
    outputs.push_back({info.name, labelled ? options.top : 0});
  }
  if (!options.outputs.empty() && outputs.size() != options.outputs.size()) {
    std::vector<std::string> names;
    for (const client::TensorInfo& info : model.metadata.outputs) names.push_back(info.name);
    return Usage(
        fmt::format("model '{}' has the outputs {}", options.model, base::Join(names, ", ")));
  }
  return outputs;
}

std::string ShowAnswer(const Model& model, const client::InferRequest& request,
                       const client::InferResponse& response) {
  std::string text;
  for (const client::Tensor& output : response.outputs) {
    const auto asked =
        std::ranges::find(request.outputs, output.name, &client::RequestedOutput::name);
    const bool classes = asked != request.outputs.end() && asked->classification > 0;
    text += ShowOutput(output, model.batching, classes);
  }
  return text;
}

}  // namespace

ExitCode RunInfer(const Context& context, const InferOptions& options) {
  auto client = client::Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const auto model = DescribeModel(**client, options);
  if (!model) return Complain(context, model.error());
  auto prepared = Prepare(*model, options);
  if (!prepared) return Complain(context, prepared.error());
  auto outputs = Outputs(*model, options, !context.json);
  if (!outputs) return Complain(context, outputs.error());
  client::InferRequest& request = prepared->request;
  request.outputs = std::move(*outputs);

  const base::TimePoint start = base::SystemClock().Now();
  const auto response = (*client)->Infer(request);
  const std::chrono::duration<double, std::milli> taken = base::SystemClock().Now() - start;
  if (!response) return Complain(context, response.error());
  if (context.json) {
    context.out << AnswerJson(*response);
    return ExitCode::kOk;
  }
  context.out << prepared->pictures << ShowAnswer(*model, request, *response)
              << fmt::format("model {} version {}, {:.2f} ms\n", Printable(response->model),
                             Printable(response->version), taken.count());
  return ExitCode::kOk;
}

}  // namespace hadron::cli
