// What goes into a run of a batch and comes out of it, of a model that sees how a batch is made up.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "config/complete.h"
#include "config/parse.h"
#include "device/host/factory.h"
#include "graph/op_schema.h"
#include "serving/batch_inputs.h"
#include "serving/batch_outputs.h"
#include "tensor/string_tensor.h"

namespace hadron::serving {
namespace {

using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

constexpr const char* kRaggedConfig = R"(
    max_batch_size: 8
    input { name: "x" data_type: TYPE_FP32 dims: [ -1, 2 ] allow_ragged_batch: true }
    input { name: "w" data_type: TYPE_STRING dims: 1 reshape { } }
    output { name: "x_out" data_type: TYPE_FP32 dims: [ -1, 2 ] }
    output { name: "w_out" data_type: TYPE_STRING dims: 1 reshape { } }
    output { name: "n_out" data_type: TYPE_INT32 dims: 1 reshape { } }
    batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT target_name: "n" data_type: TYPE_INT32
      source_input: "x" }
    batch_output { target_name: "x_out" source_input: "x" })";

/// Identity for each of the graph's inputs: x, which is ragged, n, which tells of it, and w, a
/// string a row.
class RaggedModel {
 public:
  RaggedModel() : host_(device::MakeHostDevice(std::uint64_t{1} << 26)) {
    backend::RegisterNativeKernels(kernels_);
    graph::Graph graph;
    AddIdentity(graph, "x", DataType::kFp32);
    AddIdentity(graph, "n", DataType::kInt32);
    AddIdentity(graph, "w", DataType::kString);
    HADRON_CHECK(graph::InferShapes(graph).ok());
    auto raw = config::ParsePbtxt(kRaggedConfig, "config.pbtxt");
    HADRON_CHECK(raw.ok());
    auto identified = config::Identify(std::move(raw).value(), {"m", {"model.onnx"}}, false);
    HADRON_CHECK(identified.ok());
    auto config = config::Complete(*identified, &graph, {});
    HADRON_CHECK(config.ok() && config::CheckAgainstGraph(**config, graph).ok());
    auto compiled = plan::CompiledModel::Compile(std::move(graph), {}, kernels_, *host_, *host_);
    HADRON_CHECK(compiled.ok());
    model::ModelVersion::Parts parts;
    parts.name = "m";
    parts.config = *config;
    parts.compiled = *compiled;
    version_ = std::make_shared<const model::ModelVersion>(std::move(parts));
  }

  /// Requests of `rows` times `items` pairs.
  Batch Make(const std::vector<std::pair<std::int64_t, std::int64_t>>& requests) const {
    Batch batch{model::ResidencyPin(version_, {}), {}, 0, {}};
    for (const auto& [rows, items] : requests) {
      Pending& pending = batch.requests.emplace_back();
      pending.request.model = version_;
      pending.request.rows = rows;
      const Shape shape{rows, items, 2};
      const auto number = static_cast<float>(batch.requests.size());
      const std::vector<float> x(static_cast<std::size_t>(shape.elements()), number);
      const std::vector<std::string> w(static_cast<std::size_t>(rows), std::to_string(number));
      pending.request.inputs = {
          {{"x", DataType::kFp32, shape}, base::IoBuf::Copy(std::as_bytes(std::span(x)))},
          {{"w", DataType::kString, {rows, 1}}, tensor::EncodeStrings(w)}};
      batch.rows += rows;
    }
    return batch;
  }

  /// What the model makes of the batch: its inputs, as they are.
  std::vector<HostTensor> Run(const Batch& batch) const {
    const auto shapes = PlanShapes(batch);
    HADRON_CHECK(shapes.ok());
    std::vector<HostTensor> outputs;
    for (const plan::RunInput& input : RunInputs(batch)) {
      HostTensor& output = outputs.emplace_back();
      const graph::ValueId id = version_->compiled().graph().inputs()[outputs.size() - 1];
      output.desc.type = version_->compiled().graph().value(id).type;
      output.desc.shape = (*shapes)[outputs.size() - 1];
      for (const base::IoBuf& part : input.parts) output.bytes.Append(part);
    }
    return outputs;
  }

  const model::ModelVersion& version() const { return *version_; }

 private:
  static void AddIdentity(graph::Graph& graph, const std::string& name, DataType type) {
    const graph::SymbolicShape shape = {graph.Symbol(name)};
    const graph::ValueId input = graph.AddInput(name, type, shape);
    const graph::ValueId output = graph.AddValue(name + "_out", type, shape);
    graph::Node node;
    node.name = name;
    node.op_type = "Identity";
    node.schema = graph::OpRegistry::Get().Find("", "Identity");
    node.since_version = 13;
    node.inputs = {input};
    node.outputs = {output};
    graph.nodes().push_back(std::move(node));
    graph.AddOutput(name + "_out", output);
  }

  std::unique_ptr<device::Device> host_;
  backend::KernelRegistry kernels_;
  model::ModelHandle version_;
};

std::string Shown(const HostTensor& tensor) {
  std::string text = tensor.desc.name + tensor.desc.shape.ToString();
  if (tensor.desc.type == DataType::kString) {
    const auto strings = tensor::DecodeStrings(tensor.bytes, tensor.desc.shape.elements());
    if (!strings.ok()) return strings.message();
    for (const std::string& one : *strings) text += " " + one.substr(0, 1);
    return text;
  }
  const base::IoBuf flat = tensor.bytes.Flatten();
  if (tensor.desc.type == DataType::kFp32) {
    for (const float v : base::AsArray<float>(flat.bytes())) text += fmt::format(" {}", v);
  } else {
    for (const auto v : base::AsArray<std::int32_t>(flat.bytes())) text += fmt::format(" {}", v);
  }
  return text;
}

TEST(BatchTensors, PlansWhatARaggedBatchHas) {
  const RaggedModel model;
  const Batch batch = model.Make({{1, 1}, {1, 3}, {1, 0}});
  const auto shapes = PlanShapes(batch);
  ASSERT_TRUE(shapes.ok());
  EXPECT_EQ(*shapes, (std::vector<Shape>{{8}, {3}, {3}}));
  const auto outputs = model.Run(batch);
  EXPECT_EQ(Shown(outputs[0]), "[8] 1 1 2 2 2 2 2 2");
  EXPECT_EQ(Shown(outputs[1]), "[3] 2 8 8");
  EXPECT_EQ(Shown(outputs[2]), "[3] 1 2 3");
}

TEST(BatchTensors, SplitsTheOutputsOfARaggedBatch) {
  const RaggedModel model;
  Batch batch = model.Make({{1, 1}, {1, 0}, {1, 2}});
  batch.requests[2].request.requested_outputs = {"x_out"};
  auto outputs = model.Run(batch);
  EXPECT_TRUE(CheckOutputs(batch, outputs).ok());
  auto split = OutputSplit::Create(model.version(), std::move(outputs));
  ASSERT_TRUE(split.ok());
  std::vector<std::string> shown;
  for (const Pending& pending : batch.requests) {
    for (const HostTensor& part : split->Next(pending)) shown.push_back(Shown(part));
  }
  EXPECT_EQ(shown, (std::vector<std::string>{"x_out[1,1,2] 1 1", "w_out[1,1] 1", "n_out[1,1] 2",
                                             "x_out[1,0,2]", "w_out[1,1] 2", "n_out[1,1] 2",
                                             "x_out[1,2,2] 3 3 3 3"}));
}

TEST(BatchTensors, RefusesOutputsThatDoNotFitTheRequests) {
  const RaggedModel model;
  const Batch one = model.Make({{1, 2}, {1, 3}});
  std::vector<HostTensor> outputs = model.Run(one);
  EXPECT_TRUE(CheckOutputs(one, outputs).ok());
  outputs[0].desc.shape = {9};
  base::Status status = CheckOutputs(one, outputs);
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_NE(
      status.message().find("output 'x_out' of model 'm' has the shape [9], but by the "
                            "requests' shapes of input 'x' (batch_output) they are to get 10"),
      std::string::npos)
      << status.message();
  // The count is a request's: two rows of one have one.
  const Batch two = model.Make({{2, 2}});
  status = CheckOutputs(two, model.Run(two));
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("output 'n_out' of model 'm' has the shape [1], but the batch "
                                  "has 2 rows"),
            std::string::npos)
      << status.message();
}

TEST(BatchTensors, RefusesCountsThatCannotBeTold) {
  const RaggedModel model;
  Batch batch = model.Make({{1, 0}});
  batch.requests[0].request.inputs[0].desc.shape = {1, std::int64_t{1} << 30U, 2};
  EXPECT_EQ(PlanShapes(batch).status().code(), base::StatusCode::kInvalidArgument);
  batch.requests[0].request.inputs.pop_back();
  batch.requests[0].request.inputs[0].desc.shape = {1, 1, 2};
  const auto missing = PlanShapes(batch);
  EXPECT_NE(missing.message().find("input 'w' of model 'm' was not given"), std::string::npos);
}

}  // namespace
}  // namespace hadron::serving
