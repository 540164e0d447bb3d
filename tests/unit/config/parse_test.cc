#include "config/parse.h"

#include <gtest/gtest.h>

#include <string>

#include "model_config.pb.h"

namespace hadron::config {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

::inference::ModelConfig Message(std::string_view text) {
  auto raw = ParsePbtxt(text, "config.pbtxt");
  EXPECT_TRUE(raw.ok()) << text << ": " << (raw.ok() ? "" : raw.message());
  return raw.ok() ? raw->message() : ::inference::ModelConfig();
}

std::string TextError(std::string_view text) {
  auto raw = ParsePbtxt(text, "config.pbtxt");
  if (raw.ok()) return {};
  EXPECT_EQ(raw.code(), base::StatusCode::kInvalidArgument);
  return raw.message();
}

::inference::ModelConfig JsonMessage(std::string_view text) {
  auto raw = ParseJson(text);
  EXPECT_TRUE(raw.ok()) << text << ": " << (raw.ok() ? "" : raw.message());
  return raw.ok() ? raw->message() : ::inference::ModelConfig();
}

std::string JsonError(std::string_view text) {
  auto raw = ParseJson(text);
  if (raw.ok()) return {};
  EXPECT_EQ(raw.code(), base::StatusCode::kInvalidArgument);
  return raw.message();
}

TEST(ParsePbtxt, SkipsComments) {
  EXPECT_EQ(Message("# head\nname: \"a\" # tail\n#end").name(), "a");
}

TEST(ParsePbtxt, TakesCommasAndSemicolonsAsSeparators) {
  const auto config = Message("name: \"a\", max_batch_size: 3; platform: \"p\";");
  EXPECT_EQ(config.name(), "a");
  EXPECT_EQ(config.max_batch_size(), 3);
  EXPECT_EQ(config.platform(), "p");
}

TEST(ParsePbtxt, TakesMessagesWithAndWithoutColon) {
  EXPECT_TRUE(Message("dynamic_batching { preserve_ordering: true }")
                  .dynamic_batching()
                  .preserve_ordering());
  EXPECT_TRUE(Message("dynamic_batching: { preserve_ordering: true }")
                  .dynamic_batching()
                  .preserve_ordering());
}

TEST(ParsePbtxt, TakesListsAndRepeatedKeys) {
  const auto config = Message(
      "input [ { name: \"a\" dims: [ 1, -1 ] }, { name: \"b\" dims: 2 dims: 3 } ]\n"
      "input { name: 'c' dims: [ ] }");
  ASSERT_EQ(config.input_size(), 3);
  EXPECT_EQ(config.input(0).dims(1), -1);
  EXPECT_EQ(config.input(1).dims(1), 3);
  EXPECT_EQ(config.input(2).name(), "c");
}

TEST(ParsePbtxt, JoinsAdjacentLiteralsAndTakesSingleQuotes) {
  EXPECT_EQ(Message("name: \"ab\" 'cd'\n\"e\"").name(), "abcde");
}

TEST(ParsePbtxt, TakesEverySpellingOfTrue) {
  for (const char* word : {"True", "true", "1", "t"}) {
    const std::string text = std::string("response_cache { enable: ") + word + " }";
    EXPECT_TRUE(Message(text).response_cache().enable()) << word;
  }
  for (const char* word : {"False", "false", "0", "f"}) {
    const std::string text = std::string("response_cache { enable: ") + word + " }";
    EXPECT_FALSE(Message(text).response_cache().enable()) << word;
  }
}

TEST(ParsePbtxt, TakesMapEntries) {
  const auto config = Message(
      "parameters { key: \"a\" value: { string_value: \"1\" } }\n"
      "parameters: { key: \"b\" value { string_value: \"2\" } }\n"
      "metric_tags [ { key: \"k\" value: \"v\" } ]");
  EXPECT_EQ(config.parameters().at("a").string_value(), "1");
  EXPECT_EQ(config.parameters().at("b").string_value(), "2");
  EXPECT_EQ(config.metric_tags().at("k"), "v");
}

TEST(ParsePbtxt, TakesHexadecimalNumbers) {
  EXPECT_EQ(Message("max_batch_size: 0x10").max_batch_size(), 16);
}

TEST(ParsePbtxt, TakesEnumeratorsByNameOrNumber) {
  const auto config = Message("input { data_type: 11 format: FORMAT_NCHW }");
  EXPECT_EQ(config.input(0).data_type(), ::inference::TYPE_FP32);
  EXPECT_EQ(config.input(0).format(), ::inference::ModelInput::FORMAT_NCHW);
}

TEST(ParsePbtxt, TakesAnEmptyText) { EXPECT_EQ(Message("").ByteSizeLong(), 0U); }

struct BadText {
  const char* text;
  const char* place;    ///< line:column
  const char* mention;  ///< part of the message
};

TEST(ParsePbtxt, NamesFileLineAndColumnOfErrors) {
  const BadText table[] = {
      {"name: \"a\"\nnaem: \"b\"", ":2:5:", "naem"},                  // unknown field
      {"name: \"a\"\n  max_batch_size: \"x\"", ":2:19:", "integer"},  // wrong kind of value
      {"input {\n dims: 1", ":2:9:", "Expected identifier"},          // truncated
      {"name: \"a", ":1:9:", "end of string"},
      {"max_batch_size: 99999999999", ":1:17:", "out of range"},  // int32
      {"dynamic_batching { priority_levels: -1 }", ":1:37:", "integer"},
      {"dynamic_batching { priority_levels: 18446744073709551616 }", ":1:37:", ""},
      {"name: \"a\" name: \"b\"", ":1:", "multiple times"},
      {"input { data_type: TYPE_FP31 }", ":1:30:", "TYPE_FP31"},
      {"dynamic_batching { }\nsequence_batching { }", ":2:", "oneof"},
      {"}", ":1:1:", ""},
      {"name \"a\"", ":1:6:", ":"},
  };
  for (const BadText& row : table) {
    const std::string error = TextError(row.text);
    EXPECT_TRUE(error.starts_with(std::string("config.pbtxt") + row.place)) << error;
    EXPECT_NE(error.find(row.mention), std::string::npos) << error;
  }
}

TEST(ParsePbtxt, RefusesWhatTheParserLetsThrough) {
  EXPECT_EQ(TextError("input { data_type: 99 }"),
            "config.pbtxt: input: data_type: 99 is no value of DataType");
  EXPECT_EQ(TextError("name: \"\\377\""), "config.pbtxt: name: is not UTF-8 text");
  EXPECT_EQ(TextError("metric_tags { key: 'a' value: '\xC0\xAF' }"),
            "config.pbtxt: metric_tags: value: is not UTF-8 text");
  EXPECT_EQ(TextError("input { } input { name: '\xFF' }"),
            "config.pbtxt: input[1]: name: is not UTF-8 text");
  EXPECT_EQ(TextError("sequence_batching { direct { minimum_slot_utilization: nan } }"),
            "config.pbtxt: sequence_batching: direct: minimum_slot_utilization: is not a finite "
            "number");
  EXPECT_EQ(Message("name: \"\xEF\xBF\xBD\xC3\xBC\"").name(), "\xEF\xBF\xBD\xC3\xBC");
}

TEST(ParsePbtxt, RefusesLargeAndDeepTexts) {
  EXPECT_NE(TextError(std::string(kMaxConfigBytes + 1, ' ')).find("1048577 bytes"),
            std::string::npos);
  EXPECT_EQ(TextError(std::string(kMaxConfigBytes, ' ')), "");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "input{";
  EXPECT_NE(TextError(deep), "");
  EXPECT_NE(TextError("name: " + std::string(100'000, '[')), "");
}

TEST(ParsePbtxt, WritesNothingToStandardError) {
  CaptureStderr();
  TextError("naem: 1");
  TextError("name: \"\\377\"");
  JsonError("{\"naem\": 1}");
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(ParseJson, TakesBothSpellingsOfNames) {
  const auto config = JsonMessage(
      R"({"max_batch_size": 4, "dynamicBatching": {"maxQueueDelayMicroseconds": "7"}})");
  EXPECT_EQ(config.max_batch_size(), 4);
  EXPECT_EQ(config.dynamic_batching().max_queue_delay_microseconds(), 7U);
}

TEST(ParseJson, TakesLongNumbersAsNumbersOrStrings) {
  const auto config = JsonMessage(
      R"({"input": [{"name": "x", "dims": [-1, "9007199254740993", 9007199254740993],
          "data_type": "TYPE_FP32"}]})");
  EXPECT_EQ(config.input(0).dims(0), -1);
  EXPECT_EQ(config.input(0).dims(1), 9007199254740993);
  EXPECT_EQ(config.input(0).dims(2), 9007199254740993);
}

TEST(ParseJson, TakesMaps) {
  const auto config = JsonMessage(
      R"({"parameters": {"a": {"string_value": "1"}},
          "dynamic_batching": {"priority_queue_policy": {"2": {"timeout_action": "DELAY"}}}})");
  EXPECT_EQ(config.parameters().at("a").string_value(), "1");
  EXPECT_EQ(config.dynamic_batching().priority_queue_policy().at(2).timeout_action(),
            ::inference::ModelQueuePolicy::DELAY);
}

TEST(ParseJson, NamesThePlaceOfErrors) {
  EXPECT_NE(JsonError("{\"name\": \"a\",\n \"input\": [}").find("line 2, column 12"),
            std::string::npos);
  EXPECT_NE(JsonError(R"({"naem": "a"})").find("naem"), std::string::npos);
  EXPECT_NE(JsonError(R"({"input": [{"nome": "a"}]})").find("nome"), std::string::npos);
  EXPECT_NE(JsonError(R"({"max_batch_size": "x"})").find("max_batch_size"), std::string::npos);
  EXPECT_NE(JsonError(R"({"max_batch_size": 1.5})").find("max_batch_size"), std::string::npos);
}

TEST(ParseJson, RefusesOtherTexts) {
  for (const char* text : {"", "[]", "null", "1", "{", "{\"name\"", "{} {}",
                           "{\"name\": \"\\ud800\"}", "{\"name\": \"\xFF\"}", "{'name': 'a'}",
                           "{\"max_batch_size\": 1e400}", "{\"max_batch_size\": 3000000000}"}) {
    EXPECT_NE(JsonError(text), "") << text;
  }
}

TEST(ParseJson, RefusesLargeAndDeepTexts) {
  EXPECT_NE(JsonError("{" + std::string(kMaxConfigBytes, ' ') + "}"), "");
  const std::string nested = std::string(400'000, '[');
  EXPECT_NE(JsonError("{\"input\": " + nested).find("deeper than"), std::string::npos);
  std::string objects = "{";
  for (int i = 0; i < 100'000; ++i) objects += "\"a\":{";
  EXPECT_NE(JsonError(objects).find("deeper than"), std::string::npos);
}

}  // namespace
}  // namespace hadron::config
