#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/parse.h"
#include "model_config.pb.h"
#include "unit/config/test_config.h"

namespace hadron::config {
namespace {

using nlohmann::json;

json Json(std::string_view pbtxt) {
  auto config = test::Load(pbtxt);
  EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.message());
  return config.ok() ? json::parse((*config)->ToJson()) : json();
}

TEST(ModelConfigJson, WritesTheCompletedConfiguration) {
  const json config = Json(R"(max_batch_size: 8
      input { name: "x" data_type: TYPE_FP32 dims: [ -1, 9007199254740993 ] }
      output { name: "y\"\n" data_type: TYPE_STRING dims: 1 reshape { shape: [ ] } }
      version_policy { specific { versions: [ 3, 1 ] } }
      parameters { key: "b" value { string_value: "2" } }
      parameters { key: "a" value { string_value: "1" } })");
  EXPECT_EQ(config["name"], "m");
  EXPECT_EQ(config["platform"], "onnxruntime_onnx");
  EXPECT_EQ(config["backend"], "onnxruntime");
  EXPECT_EQ(config["default_model_filename"], "model.onnx");
  EXPECT_EQ(config["max_batch_size"], 8);
  EXPECT_EQ(config["input"][0]["data_type"], "TYPE_FP32");
  EXPECT_EQ(config["input"][0]["format"], "FORMAT_NONE");
  EXPECT_EQ(config["input"][0]["dims"], json({-1, 9007199254740993}));
  EXPECT_FALSE(config["input"][0].contains("reshape"));
  EXPECT_EQ(config["input"][0]["optional"], false);
  EXPECT_EQ(config["output"][0]["name"], "y\"\n");
  EXPECT_EQ(config["output"][0]["reshape"]["shape"], json::array());
  EXPECT_EQ(config["output"][0]["label_filename"], "");
  EXPECT_EQ(config["version_policy"], json::parse(R"({"specific": {"versions": [3, 1]}})"));
  EXPECT_EQ(config["instance_group"][0]["kind"], "KIND_CPU");
  EXPECT_EQ(config["parameters"]["a"]["string_value"], "1");
  EXPECT_EQ(config["optimization"]["input_pinned_memory"]["enable"], true);
  EXPECT_EQ(config["cc_model_filenames"], json::object());
  EXPECT_EQ(config["runtime"], "");
}

TEST(ModelConfigJson, LeavesOutMessagesThatAreNotSet) {
  const json config = Json(test::kTensors);
  for (const char* name : {"dynamic_batching", "sequence_batching", "ensemble_scheduling",
                           "model_operations", "response_cache", "model_metrics"}) {
    EXPECT_FALSE(config.contains(name)) << name;
  }
}

TEST(ModelConfigJson, WritesMapsWithNumericKeysAndLongNumbers) {
  const json config = Json(std::string(test::kTensors) + R"(max_batch_size: 4
      dynamic_batching { max_queue_delay_microseconds: 18446744073709551615
        priority_levels: 2 default_priority_level: 1
        priority_queue_policy { key: 2 value { timeout_action: DELAY } } })");
  const json& batching = config["dynamic_batching"];
  EXPECT_EQ(batching["max_queue_delay_microseconds"], 18446744073709551615U);
  EXPECT_EQ(batching["priority_queue_policy"]["2"]["timeout_action"], "DELAY");
  EXPECT_EQ(batching["preferred_batch_size"], json({4}));
}

TEST(ModelConfigJson, WritesFloatsAndBools) {
  const json config = Json(std::string(test::kTensors) + R"(model_metrics { metric_control {
      metric_identifier { family: "nv_inference_first_response_histogram_ms" }
      histogram_options { buckets: [ 0.1, 2.5e10 ] } } }
      model_warmup { name: "w" batch_size: 0
        inputs { key: "x" value { data_type: TYPE_FP32 dims: 4 zero_data: false } } })");
  EXPECT_EQ(config["model_metrics"]["metric_control"][0]["histogram_options"]["buckets"],
            json({0.1, 2.5e10}));
  const json& input = config["model_warmup"][0]["inputs"]["x"];
  EXPECT_EQ(input["zero_data"], false);
  EXPECT_FALSE(input.contains("random_data"));
}

TEST(ModelConfigJson, IsReadBackAsTheSameConfiguration) {
  auto config = test::Load(std::string(test::kTensors) +
                           R"(max_batch_size: 4 dynamic_batching { max_queue_delay_microseconds: 7 }
                              metric_tags { key: "k" value: "v" })");
  ASSERT_TRUE(config.ok());
  auto raw = ParseJson((*config)->ToJson());
  ASSERT_TRUE(raw.ok()) << raw.message();
  ::inference::ModelConfig wire;
  ASSERT_TRUE(wire.ParseFromString((*config)->Serialized()));
  EXPECT_EQ(raw->message().ShortDebugString(), wire.ShortDebugString());
}

}  // namespace
}  // namespace hadron::config
