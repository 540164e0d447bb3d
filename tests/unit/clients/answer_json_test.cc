#include "cli/answer_json.h"

#include <gtest/gtest.h>

#include <limits>
#include <span>
#include <vector>

#include "cpp/json.h"

namespace hadron::cli {
namespace {

TEST(AnswerJson, HoldsEveryElement) {
  const std::vector<float> values = {1.5F, std::numeric_limits<float>::quiet_NaN(), 0.1F};
  const auto bytes = std::as_bytes(std::span(values));
  client::InferResponse response{.model = "m\"x", .version = "2", .id = "", .outputs = {}};
  response.outputs.push_back({"y", "FP32", {1, 3}, {bytes.begin(), bytes.end()}, {}});
  response.outputs.push_back({"s", "BYTES", {2}, {}, {"a\n", ""}});
  const std::string text = AnswerJson(response);
  EXPECT_EQ(
      text,
      "{\"model_name\":\"m\\\"x\",\"model_version\":\"2\",\"outputs\":["
      "{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1.5,NaN,0.1]},"
      "{\"name\":\"s\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"a\\u000a\",\"\"]}]}\n");
  EXPECT_TRUE(client::json::Parse(text).ok());
}

TEST(IndexJson, IsAnArray) {
  EXPECT_EQ(IndexJson({}), "[]\n");
  EXPECT_EQ(IndexJson({{"m", "1", "READY", ""}}),
            "[{\"name\":\"m\",\"version\":\"1\",\"state\":\"READY\",\"reason\":\"\"}]\n");
}

TEST(StatusJson, HasItsFiveMembers) {
  EXPECT_EQ(StatusJson(true, false, {"hadron", "0.1", {"a", "b"}}),
            "{\"live\":true,\"ready\":false,\"name\":\"hadron\",\"version\":\"0.1\","
            "\"extensions\":[\"a\",\"b\"]}\n");
}

}  // namespace
}  // namespace hadron::cli
