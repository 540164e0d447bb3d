#include "config/complete.h"

#include <gtest/gtest.h>

#include "config/parse.h"
#include "unit/config/test_config.h"

namespace hadron::config {
namespace {

using test::IdentityGraph;
using test::kTensors;
using test::Load;
using test::LoadError;

std::shared_ptr<const ModelConfig> Loaded(std::string_view text,
                                          const graph::Graph* graph = nullptr,
                                          const CompletionOptions& options = {}) {
  auto config = Load(text, graph, options);
  EXPECT_TRUE(config.ok()) << text << ": " << (config.ok() ? "" : config.message());
  return config.ok() ? *config : std::make_shared<const ModelConfig>(ModelConfig::Fields{});
}

base::StatusOr<RawConfig> IdentifyText(std::string_view text, const ModelDirectory& directory,
                                       bool strict = false) {
  auto raw = ParsePbtxt(text, "config.pbtxt");
  EXPECT_TRUE(raw.ok());
  return Identify(std::move(raw).value(), directory, strict);
}

TEST(Identify, TakesTheDirectoryForANameAndTheFileForABackend) {
  const auto config = Loaded(kTensors);
  EXPECT_EQ(config->name(), "m");
  EXPECT_EQ(config->platform(), "onnxruntime_onnx");
  EXPECT_EQ(config->backend(), "onnxruntime");
  EXPECT_EQ(config->default_model_filename(), "model.onnx");
}

TEST(Identify, KeepsAnotherFileName) {
  auto raw = IdentifyText("platform: 'onnxruntime_onnx' default_model_filename: 'a/net.onnx'",
                          {"m", {"net.onnx"}});
  ASSERT_TRUE(raw.ok()) << raw.message();
  EXPECT_EQ(raw->model_filename(), "a/net.onnx");
}

TEST(Identify, ReportsOneBackendUnderBothItsNames) {
  EXPECT_EQ(Loaded(std::string(kTensors) + "backend: 'hadron'")->backend(), "onnxruntime");
}

TEST(Identify, NeedsNoFilesWhenTheConfigurationSaysOnnx) {
  for (const char* text : {"platform: 'onnxruntime_onnx'", "backend: 'onnxruntime'",
                           "default_model_filename: 'model.onnx'"}) {
    EXPECT_TRUE(IdentifyText(text, {"m", {}}).ok()) << text;
  }
  EXPECT_FALSE(IdentifyText("", {"m", {}}).ok());
}

TEST(Identify, NamesTheFrameworkItFound) {
  auto raw = IdentifyText("", {"m", {"config.json", "model.plan"}});
  ASSERT_FALSE(raw.ok());
  EXPECT_NE(raw.message().find("model 'm' is a TensorRT model ('model.plan')"), std::string::npos);
  raw = IdentifyText("", {"m", {"weights.bin"}});
  ASSERT_FALSE(raw.ok());
  EXPECT_NE(raw.message().find("has no model.onnx (it has: weights.bin)"), std::string::npos);
  raw = IdentifyText("", {"m", {}});
  EXPECT_NE(raw.message().find("(it has: nothing)"), std::string::npos);
}

TEST(Identify, InStrictModeCompletesNothing) {
  const ModelDirectory directory{"m", {"model.onnx"}};
  auto raw = IdentifyText("backend: 'onnxruntime'", directory, true);
  ASSERT_FALSE(raw.ok());
  EXPECT_NE(raw.message().find("'name'"), std::string::npos);
  raw = IdentifyText("name: 'm'", directory, true);
  ASSERT_FALSE(raw.ok());
  EXPECT_NE(raw.message().find("'platform' or 'backend'"), std::string::npos);
  EXPECT_TRUE(IdentifyText("name: 'm' backend: 'onnxruntime'", directory, true).ok());
}

TEST(Complete, InStrictModeNeedsInputsAndOutputs) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "4"}}});
  const CompletionOptions strict{.strict = true};
  const std::string head = "name: 'm' backend: 'onnxruntime' ";
  EXPECT_NE(LoadError(head, &graph, strict).find("must specify 'input' (completion"),
            std::string::npos);
  const auto config = Loaded(head + std::string(kTensors), &graph, strict);
  EXPECT_EQ(config->max_batch_size(), 0);
  EXPECT_EQ(config->instance_groups().size(), 1U);
  EXPECT_EQ(config->version_policy().latest, 1U);
}

TEST(Complete, FillsABatchableModel) {
  const graph::Graph graph = IdentityGraph(
      {{"x", "y", {"batch", "3", "w"}}, {"u", "v", {"batch"}, tensor::DataType::kString}});
  const auto config = Loaded("", &graph);
  EXPECT_EQ(config->max_batch_size(), 4);
  ASSERT_EQ(config->inputs().size(), 2U);
  EXPECT_EQ(config->inputs()[0].name, "x");
  EXPECT_EQ(config->inputs()[0].dims, (tensor::Shape{3, -1}));
  EXPECT_FALSE(config->inputs()[0].reshape.has_value());
  EXPECT_EQ(config->inputs()[1].type, tensor::DataType::kString);
  EXPECT_EQ(config->inputs()[1].dims, (tensor::Shape{1}));
  EXPECT_EQ(config->inputs()[1].reshape, tensor::Shape{});
  EXPECT_EQ(config->outputs()[1].name, "v");
  ASSERT_TRUE(config->dynamic_batching().has_value());
  EXPECT_EQ(config->dynamic_batching()->preferred_batch_sizes, (std::vector<std::int64_t>{4}));
  ASSERT_FALSE(config->notices().empty());
  EXPECT_TRUE(config->notices()[0].warning);
  EXPECT_NE(config->notices()[0].text.find("max_batch_size is set to 4"), std::string::npos);
  EXPECT_TRUE(CheckAgainstGraph(*config, graph).ok());
}

TEST(Complete, KeepsTheGivenBatchSize) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "3"}}});
  const auto config = Loaded("max_batch_size: 64", &graph);
  EXPECT_EQ(config->max_batch_size(), 64);
  EXPECT_EQ(config->dynamic_batching()->preferred_batch_sizes, (std::vector<std::int64_t>{64}));
  EXPECT_TRUE(config->notices().empty());
}

TEST(Complete, AddsNoSchedulerForBatchesOfOne) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "3"}}});
  const auto config = Loaded("", &graph, {.default_max_batch_size = 1});
  EXPECT_EQ(config->max_batch_size(), 1);
  EXPECT_FALSE(config->dynamic_batching().has_value());
  EXPECT_EQ(Loaded("", &graph, {.default_max_batch_size = 0})->max_batch_size(), 0);
}

TEST(Complete, FillsAModelOfFixedShapes) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"2", "3"}}, {"s", "t", {}}});
  const auto config = Loaded("", &graph);
  EXPECT_EQ(config->max_batch_size(), 0);
  EXPECT_EQ(config->inputs()[0].dims, (tensor::Shape{2, 3}));
  EXPECT_EQ(config->inputs()[1].dims, (tensor::Shape{1}));
  EXPECT_FALSE(config->inputs()[1].reshape.has_value());
  EXPECT_FALSE(config->dynamic_batching().has_value());
  EXPECT_TRUE(CheckAgainstGraph(*config, graph).ok());
}

TEST(Complete, RefusesABatchSizeTheModelCannotHave) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"2", "3"}}});
  const std::string error = LoadError("max_batch_size: 8", &graph);
  EXPECT_NE(error.find("autofill failed for model 'm': model does not support batching while "
                       "non-zero max_batch_size is specified"),
            std::string::npos)
      << error;
}

TEST(Complete, LeavesAConfigurationWithInputsAndOutputsAlone) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "4"}}});
  const auto config = Loaded(kTensors, &graph);
  EXPECT_EQ(config->max_batch_size(), 0);
  EXPECT_FALSE(config->dynamic_batching().has_value());
}

TEST(Complete, FillsOnlyTheMissingSide) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "4"}}, {"u", "v", {"batch"}}});
  const auto config = Loaded("input { name: 'x' data_type: TYPE_FP32 dims: 4 }", &graph);
  EXPECT_EQ(config->inputs().size(), 1U);
  EXPECT_EQ(config->outputs().size(), 2U);
  const base::Status status = CheckAgainstGraph(*config, graph);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("not input 'u' of the model"), std::string::npos);
}

TEST(Complete, RefusesTensorsOfSizeZero) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "0"}}});
  EXPECT_NE(LoadError("", &graph).find("model input 'x': dims [0]"), std::string::npos);
}

TEST(Complete, PlacesInstanceGroupsOnWhatThereIs) {
  const std::string text = std::string(kTensors) + R"(
      instance_group [ { }, { name: "g" kind: KIND_CPU count: 3 }, { kind: KIND_MODEL } ])";
  const auto cpu = Loaded(text);
  ASSERT_EQ(cpu->instance_groups().size(), 3U);
  EXPECT_EQ(cpu->instance_groups()[0].name, "m_0");
  EXPECT_EQ(cpu->instance_groups()[0].kind, InstanceGroup::Kind::kCpu);
  EXPECT_EQ(cpu->instance_groups()[0].count, 2);
  EXPECT_EQ(cpu->instance_groups()[1].name, "g");
  EXPECT_EQ(cpu->instance_groups()[1].count, 3);
  const auto gpu = Loaded(text, nullptr, {.gpu_count = 2});
  EXPECT_EQ(gpu->instance_groups()[0].kind, InstanceGroup::Kind::kGpu);
  EXPECT_EQ(gpu->instance_groups()[0].count, 1);
  EXPECT_EQ(gpu->instance_groups()[0].gpus, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(gpu->instance_groups()[1].kind, InstanceGroup::Kind::kCpu);
  EXPECT_EQ(gpu->instance_groups()[2].kind, InstanceGroup::Kind::kGpu);
}

TEST(Complete, GivesAModelWithoutGroupsOneOfItsName) {
  const auto config = Loaded(kTensors);
  ASSERT_EQ(config->instance_groups().size(), 1U);
  EXPECT_EQ(config->instance_groups()[0].name, "m");
}

TEST(Complete, MayRunGpuGroupsOnTheCpu) {
  const std::string text = std::string(kTensors) + "instance_group { kind: KIND_GPU gpus: 0 }";
  const auto config = Loaded(text, nullptr, {.allow_cpu_fallback = true});
  EXPECT_EQ(config->instance_groups()[0].kind, InstanceGroup::Kind::kCpu);
  ASSERT_EQ(config->notices().size(), 1U);
  EXPECT_TRUE(config->notices()[0].warning);
  EXPECT_TRUE(Load(text, nullptr, {.gpu_count = 1}).ok());
}

TEST(Complete, KnowsWhichGpusExist) {
  const std::string gpu = std::string(kTensors) + "instance_group { kind: KIND_GPU gpus: 1 }";
  EXPECT_NE(LoadError(gpu, nullptr, {.gpu_count = 1}).find("names a GPU that does not exist"),
            std::string::npos);
  EXPECT_EQ(LoadError(gpu, nullptr, {.gpu_count = 2}), "");
  const std::string automatic = std::string(kTensors) + "instance_group { gpus: [ 0, 1 ] }";
  EXPECT_EQ(Loaded(automatic, nullptr, {.gpu_count = 1})->instance_groups()[0].kind,
            InstanceGroup::Kind::kCpu);
}

TEST(RawConfig, TellsFileAndVersionPolicyBeforeTheModelIsOpened) {
  const RawConfig nothing;
  EXPECT_EQ(nothing.model_filename(), "model.onnx");
  EXPECT_EQ(nothing.version_policy().kind, VersionPolicy::Kind::kLatest);
  EXPECT_EQ(nothing.version_policy().latest, 1U);
  const auto policy = [](const char* text) {
    return ParsePbtxt(text, "f").value().version_policy();
  };
  EXPECT_EQ(policy("version_policy { latest { num_versions: 3 } }").latest, 3U);
  EXPECT_EQ(policy("version_policy { latest { } }").latest, 0U);
  EXPECT_EQ(policy("version_policy { all { } }").kind, VersionPolicy::Kind::kAll);
  EXPECT_EQ(policy("version_policy { specific { versions: [ 2, 7 ] } }").specific,
            (std::vector<std::int64_t>{2, 7}));
}

TEST(Complete, LeavesWhatSequencesFillToTheServer) {
  const graph::Graph graph = IdentityGraph(
      {{"x", "y", {"b", "4"}}, {"start", "started", {"b", "1"}}, {"s", "t", {"b", "2"}}});
  const std::string batching =
      "sequence_batching { oldest { } control_input { name: 'start' control { fp32_false_true: "
      "[ 0, 1 ] } } state { input_name: 's' output_name: 't' data_type: TYPE_FP32 dims: 2 } }";
  const auto config = Loaded(batching, &graph);
  ASSERT_EQ(config->inputs().size(), 1U);
  EXPECT_EQ(config->inputs()[0].name, "x");
  ASSERT_EQ(config->outputs().size(), 2U);
  EXPECT_EQ(config->outputs()[1].name, "started");
  EXPECT_FALSE(config->dynamic_batching().has_value());
  ASSERT_TRUE(config->sequence_batching().has_value());
  EXPECT_EQ(config->sequence_batching()->max_idle, std::chrono::seconds(1));
  EXPECT_EQ(config->sequence_batching()->max_candidates, config->max_batch_size());
  EXPECT_TRUE(CheckAgainstGraph(*config, graph).ok());
  const auto refusal = [&](std::string from, const std::string& to) {
    std::string text = batching;
    text.replace(text.find(from), from.size(), to);
    return CheckAgainstGraph(*Loaded(text, &graph), graph).message();
  };
  EXPECT_NE(refusal("'start'", "'begin'").find("control_input 'begin' is no input"),
            std::string::npos);
  EXPECT_NE(refusal("'t'", "'u'").find("output_name 'u' is no output"), std::string::npos);
  EXPECT_NE(refusal("fp32_", "int32_").find("data_type is INT32"), std::string::npos);
}

}  // namespace
}  // namespace hadron::config
