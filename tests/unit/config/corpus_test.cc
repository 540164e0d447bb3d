// Real configurations, whole and damaged: they load, or are refused with a reason.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "config/parse.h"
#include "unit/config/test_config.h"

namespace hadron::config {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Configurations() {
  std::vector<fs::path> found;
  for (const char* folder : {"model_repo", "tests/data/models"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(HADRON_SOURCE_DIR) / folder)) {
      if (entry.path().extension() == ".pbtxt") found.push_back(entry.path());
    }
  }
  return found;
}

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Corpus, OfTheTreeIsAccepted) {
  ASSERT_GE(Configurations().size(), 5U);
  for (const fs::path& path : Configurations()) {
    auto parsed = ParsePbtxt(Read(path), path.string());
    ASSERT_TRUE(parsed.ok()) << parsed.message();
    const std::string name = path.parent_path().filename().string();
    auto raw = Identify(std::move(parsed).value(), {name, {"model.onnx"}}, false);
    EXPECT_TRUE(raw.ok()) << path << ": " << raw.message();
  }
}

constexpr std::string_view kEverything = R"(
name: "m" platform: "onnxruntime_onnx" max_batch_size: 8 version_policy { latest { num_versions: 2 } }
input [ { name: "x" data_type: TYPE_FP32 dims: [ 2, -1 ] reshape { shape: [ 1, 2, -1 ] } } ]
output { name: "y" data_type: TYPE_INT64 dims: 1 reshape { } label_filename: "l.txt" }
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100
  priority_levels: 2 default_priority_level: 1
  priority_queue_policy { key: 2 value { timeout_action: DELAY max_queue_size: 9 } } }
instance_group [ { count: 2 kind: KIND_CPU } ] metric_tags { key: "a" value: "b" }
parameters { key: "k" value { string_value: "v" } } optimization { graph { level: -1 } }
model_warmup { name: "w" batch_size: 1
  inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 2, 3 ] zero_data: true } } })";

/// Ends in a configuration or in a reason, whatever the text.
void Try(std::string_view text) {
  auto config = test::Load(text);
  if (config.ok()) {
    EXPECT_FALSE((*config)->ToJson().empty());
  } else {
    EXPECT_FALSE(config.message().empty());
  }
}

TEST(Corpus, MayBeCutAnywhere) {
  EXPECT_EQ(test::LoadError(kEverything), "");
  for (std::size_t size = 0; size < kEverything.size(); ++size) Try(kEverything.substr(0, size));
}

TEST(Corpus, MayHaveAnyByteReplaced) {
  for (std::size_t at = 0; at < kEverything.size(); ++at) {
    for (const char byte : {'\0', '\xFF', '-', '9', '"', '{', '}', '\\'}) {
      std::string damaged(kEverything);
      damaged[at] = byte;
      Try(damaged);
    }
  }
}

}  // namespace
}  // namespace hadron::config
