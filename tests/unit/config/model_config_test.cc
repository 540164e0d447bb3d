#include "config/model_config.h"

#include <gtest/gtest.h>

#include "unit/config/test_config.h"

namespace hadron::config {
namespace {

using test::kTensors;
using test::Load;

std::shared_ptr<const ModelConfig> Loaded(const std::string& extra) {
  auto config = Load(std::string(kTensors) + extra);
  EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.message());
  return config.ok() ? *config : nullptr;
}

TEST(ModelConfig, FindsTensorsByName) {
  const auto config = Loaded("");
  ASSERT_NE(config->FindInput("x"), nullptr);
  EXPECT_EQ(config->FindInput("x")->type, tensor::DataType::kFp32);
  EXPECT_EQ(config->FindInput("y"), nullptr);
  EXPECT_NE(config->FindOutput("y"), nullptr);
  EXPECT_EQ(config->FindOutput("x"), nullptr);
}

TEST(ModelConfig, GivesClientAndModelTheirViewOfAShape) {
  const auto config = Load(R"(max_batch_size: 4
    input { name: "x" data_type: TYPE_FP32 dims: [ 2, 2 ] reshape { shape: 4 } }
    output { name: "y" data_type: TYPE_FP32 dims: 1 reshape { } })");
  ASSERT_TRUE(config.ok()) << config.message();
  const ModelConfig& c = **config;
  EXPECT_EQ(c.ClientShape(c.inputs()[0]), (tensor::Shape{-1, 2, 2}));
  EXPECT_EQ(c.GraphShape(c.inputs()[0]), (tensor::Shape{-1, 4}));
  EXPECT_EQ(c.GraphShape(c.outputs()[0]), (tensor::Shape{-1}));
  EXPECT_EQ(c.ClientShape(c.outputs()[0]), (tensor::Shape{-1, 1}));
}

TEST(ModelConfig, CarriesEverythingOfDynamicBatching) {
  const auto config = Loaded(R"(max_batch_size: 8 dynamic_batching {
    preferred_batch_size: [ 8, 2 ] max_queue_delay_microseconds: 100
    priority_levels: 3 default_priority_level: 2
    default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 5 }
    priority_queue_policy { key: 1 value { allow_timeout_override: true max_queue_size: 9 } } })");
  const DynamicBatching& batching = *config->dynamic_batching();
  EXPECT_EQ(batching.preferred_batch_sizes, (std::vector<std::int64_t>{2, 8}));
  EXPECT_EQ(batching.max_queue_delay.count(), 100);
  EXPECT_EQ(batching.priority_levels, 3U);
  EXPECT_EQ(batching.default_priority_level, 2U);
  EXPECT_EQ(batching.default_queue_policy.timeout_action, QueuePolicy::TimeoutAction::kDelay);
  EXPECT_EQ(batching.default_queue_policy.default_timeout.count(), 5);
  EXPECT_TRUE(batching.priority_queue_policies.at(1).allow_timeout_override);
  EXPECT_EQ(batching.priority_queue_policies.at(1).max_queue_size, 9U);
}

TEST(ModelConfig, BoundsWaitsToAYear) {
  const auto config =
      Loaded("dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 }");
  EXPECT_EQ(config->dynamic_batching()->max_queue_delay, std::chrono::hours(24 * 365));
}

TEST(ModelConfig, CarriesWarmupSamples) {
  const auto config = Loaded(R"(max_batch_size: 8 model_warmup { name: "w" batch_size: 2
      inputs { key: "x" value { data_type: TYPE_FP32 dims: 4 random_data: true } } })");
  ASSERT_EQ(config->warmup().size(), 1U);
  EXPECT_EQ(config->warmup()[0].batch_size, 2);
  EXPECT_EQ(config->warmup()[0].count, 1);
  EXPECT_EQ(config->warmup()[0].inputs[0].name, "x");
  EXPECT_EQ(config->warmup()[0].inputs[0].data, WarmupSample::Data::kRandom);
}

TEST(ModelConfig, NotesWhatHasNoEffect) {
  const auto config = Loaded(R"(runtime: "x.so" model_metrics { }
      parameters { key: "enable_mem_arena" value { string_value: "1" } }
      parameters { key: "hadron.tenant" value { string_value: "t" } }
      optimization { cuda { graphs: true } execution_accelerators {
        gpu_execution_accelerator { name: "tensorrt" } } })");
  std::string all;
  for (const Notice& notice : config->notices()) {
    all += (notice.warning ? "W " : "I ") + notice.text + "\n";
  }
  EXPECT_NE(all.find("I runtime is kept"), std::string::npos) << all;
  EXPECT_NE(all.find("I model_metrics is kept"), std::string::npos) << all;
  EXPECT_NE(all.find("I optimization.cuda is kept"), std::string::npos) << all;
  EXPECT_NE(all.find("parameters 'enable_mem_arena' are kept"), std::string::npos) << all;
  EXPECT_NE(all.find("W optimization.execution_accelerators: 'tensorrt'"), std::string::npos)
      << all;
  EXPECT_EQ(config->parameters().at("hadron.tenant"), "t");
  LogNotices(*config);
}

TEST(NeedsReload, LooksAtEverythingButPlacement) {
  const auto plain = Loaded("");
  EXPECT_FALSE(NeedsReload(*plain, *Loaded("instance_group { count: 3 }")));
  EXPECT_FALSE(NeedsReload(*plain, *Loaded("version_policy { all { } }")));
  EXPECT_TRUE(NeedsReload(*plain, *Loaded("max_batch_size: 2")));
  EXPECT_TRUE(NeedsReload(*plain, *Loaded("parameters { key: 'a' value { } }")));
}

TEST(ParseLabels, TakesOneLabelALine) {
  using Labels = std::vector<std::string>;
  EXPECT_EQ(ParseLabels("a\nb\n"), (Labels{"a", "b"}));
  EXPECT_EQ(ParseLabels("a\r\n\r\nb"), (Labels{"a", "", "b"}));
  EXPECT_EQ(ParseLabels(""), Labels{});
}

}  // namespace
}  // namespace hadron::config
