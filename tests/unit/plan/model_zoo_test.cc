// The models of model_repo/ through plans: against recorded ONNX Runtime outputs, with passes on
// and off, at several batch sizes; and every row bit-identical whatever batch it rode in.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "backend/reference_executor.h"
#include "device/host/factory.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "onnx/loader.h"
#include "plan/lane.h"
#include "support/onnx_writer.h"
#include "support/plan_intervals.h"
#include "support/recorded_model.h"

namespace hadron::plan {
namespace {

constexpr std::uint64_t kBudget = std::uint64_t{2} << 30;

test::RecordedModel Example(const std::string& name) {
  const std::string root = HADRON_SOURCE_DIR;
  return test::RecordedModel::Read(root + "/model_repo/" + name + "/1/model.onnx",
                                   root + "/tests/data/recorded/" + name);
}

graph::Graph LoadGraph(const std::string& name) {
  auto graph = Example(name).Load();
  EXPECT_TRUE(graph.ok()) << graph.message();
  return std::move(graph).value();
}

class ModelZoo : public ::testing::TestWithParam<const char*> {};

TEST_P(ModelZoo, AgreesWithRecordedOutputs) { test::ExpectAgreement(Example(GetParam()), "cpu"); }

TEST_P(ModelZoo, ReferenceAgreesWithRecordedOutputs) {
  const test::RecordedModel model = Example(GetParam());
  const graph::Graph graph = LoadGraph(GetParam());
  const auto outputs = backend::ExecuteReference(graph, model.Inputs(graph, 0, 2));
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  test::ExpectAsRecorded(model, graph, *outputs, 2);
}

TEST_P(ModelZoo, RowsDoNotDependOnTheirBatch) {
  test::ExpectBatchInvariance(Example(GetParam()), "cpu");
}

TEST_P(ModelZoo, KeepsLiveTensorsApart) {
  const test::RecordedModel model = Example(GetParam());
  const auto runner = test::PlanRunner::Create(LoadGraph(GetParam()), {});
  ASSERT_TRUE(runner.ok()) << runner.message();
  for (const std::int64_t rows : {1, 3, 8}) {
    std::vector<tensor::Shape> shapes;
    for (const auto& input : model.Inputs((*runner)->model().graph(), 0, rows)) {
      shapes.push_back(input.desc.shape);
    }
    const auto plan = (*runner)->model().Specialise(shapes);
    ASSERT_TRUE(plan.ok()) << plan.message();
    test::ExpectSoundArena(**plan, Space::kHostArena, 1.15);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelZoo,
                         ::testing::Values("digits", "calo_gan", "jet_bdt", "simple",
                                           "identity_fp32"),
                         [](const auto& name) { return std::string(name.param); });

TEST(Plan, FusesTheDigitsNetwork) {
  const auto runner = test::PlanRunner::Create(LoadGraph("digits"), {});
  ASSERT_TRUE(runner.ok()) << runner.message();
  // 5 convolutions with everything behind them, pool, global pool, gemm, softmax, and the scaling
  // of the pixels in front.
  for (const graph::Node& node : (*runner)->model().graph().nodes()) {
    EXPECT_NE(node.op_type, "BatchNormalization") << node.name;
    EXPECT_NE(node.op_type, "Relu") << node.name;
    EXPECT_NE(node.op_type, "Add") << node.name;
  }
  EXPECT_LE((*runner)->model().graph().nodes().size(), 11U);
}

TEST(Plan, RunsWithNothingButAnEmptyTensorInTheArena) {
  // The slice is empty and needs no bytes; the join still reads it.
  using tensor::DataType;
  using test::OnnxTensor;
  test::OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 4}).Output("y", DataType::kFp32, {"batch", 4});
  w.Initializer("first", OnnxTensor::Ints({1}, {2}))
      .Initializer("last", OnnxTensor::Ints({1}, {2}));
  w.Initializer("axis", OnnxTensor::Ints({1}, {1}));
  w.Node({"Slice", {"x", "first", "last", "axis"}, {"nothing"}});
  w.Node({"Concat", {"nothing", "x"}, {"y"}, {{"axis", 1}}});
  auto loaded =
      onnx::LoadOnnx(base::IoBuf::FromString(w.Serialize()), onnx::ExternalData::None(), {});
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  auto host = device::MakeHostDevice(kBudget);
  backend::KernelRegistry kernels;
  backend::RegisterNativeKernels(kernels);
  CompileOptions options;
  options.max_batch = 2;
  options.disabled_passes = test::AllPassNames();
  const auto model =
      CompiledModel::Compile(std::move(loaded->graph), options, kernels, *host, *host);
  ASSERT_TRUE(model.ok()) << model.message();
  base::TaskQueue queue;
  std::jthread thread([&queue] { queue.Run(); });
  {
    auto lane = Lane::Create(*host, *host, queue, "lane");
    ASSERT_TRUE(lane.ok()) << lane.message();
    const std::vector<tensor::Shape> shapes = {{1, 4}};
    const auto plan = (*model)->Specialise(shapes);
    ASSERT_TRUE(plan.ok()) << plan.message();
    auto weights = WeightBinding::Create((*model)->weights(), *host, queue, "model");
    ASSERT_TRUE(weights.ok()) << weights.message();
    std::promise<RunResult> finished;
    RunRequest request{*plan,
                       *weights,
                       {{{base::IoBuf::FromString("0123456789abcdef")}, {4}}},
                       1,
                       [&finished](RunResult result) { finished.set_value(std::move(result)); }};
    ASSERT_TRUE((*lane)->Submit(request).ok());
    const RunResult result = finished.get_future().get();
    ASSERT_TRUE(result.status.ok()) << result.status.message();
    EXPECT_EQ(result.outputs[0].bytes.ToString(), "0123456789abcdef");
  }
  queue.Stop();
}

TEST(Plan, HashTellsAttributesApart) {
  auto host = device::MakeHostDevice(kBudget);
  backend::KernelRegistry kernels;
  backend::RegisterNativeKernels(kernels);
  const auto hash = [&](float alpha) {
    graph::Graph graph;
    const graph::ValueId x = graph.AddInput("x", tensor::DataType::kFp32, {graph::Dim(4)});
    graph::Node node;
    node.name = "n";
    node.op_type = "LeakyRelu";
    node.schema = graph::OpRegistry::Get().Find("", node.op_type);
    node.since_version = node.schema->versions.back();
    node.attributes.Set("alpha", alpha);
    node.inputs = {x};
    node.outputs = {graph.AddValue("y")};
    graph.nodes().push_back(std::move(node));
    graph.AddOutput("y", graph.nodes().back().outputs[0]);
    EXPECT_TRUE(graph::InferShapes(graph).ok());
    auto model = CompiledModel::Compile(std::move(graph), {}, kernels, *host, *host);
    EXPECT_TRUE(model.ok()) << model.message();
    return (*model)->plan_hash();
  };
  EXPECT_EQ(hash(0.1F), hash(0.1F));
  EXPECT_NE(hash(0.1F), hash(0.2F));
}

TEST(Plan, GivesAllMemoryBack) {
  auto host = device::MakeHostDevice(kBudget);
  backend::KernelRegistry kernels;
  backend::RegisterNativeKernels(kernels);
  {
    CompileOptions options;
    options.max_batch = 8;
    auto model = CompiledModel::Compile(LoadGraph("digits"), options, kernels, *host, *host);
    ASSERT_TRUE(model.ok()) << model.message();
    EXPECT_GT(host->memory().reserved(), 0U);
  }
  EXPECT_EQ(host->memory().reserved(), 0U);
}

TEST(Plan, RefusesAModelThatDoesNotFitTheBudget) {
  auto host = device::MakeHostDevice(1024);
  backend::KernelRegistry kernels;
  backend::RegisterNativeKernels(kernels);
  CompileOptions options;
  options.max_batch = 8;
  options.owner = "model 'digits'";
  auto model = CompiledModel::Compile(LoadGraph("digits"), options, kernels, *host, *host);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.code(), base::StatusCode::kResourceExhausted);
  EXPECT_NE(model.message().find("model 'digits'"), std::string::npos);
}

TEST(Plan, NamesAnUnknownPass) {
  auto host = device::MakeHostDevice(kBudget);
  const backend::KernelRegistry kernels;
  CompileOptions options;
  options.disabled_passes = {"no_such_pass"};
  auto model = CompiledModel::Compile(LoadGraph("simple"), options, kernels, *host, *host);
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.message().find("no_such_pass"), std::string::npos);
}

}  // namespace
}  // namespace hadron::plan
