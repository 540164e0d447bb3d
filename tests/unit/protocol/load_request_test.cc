#include "protocol/rest/load_request.h"

#include <gtest/gtest.h>

namespace hadron::protocol {
namespace {

TEST(DecodeBase64, Table) {
  const struct {
    const char* text;
    std::string bytes;
  } good[] = {{"", ""},
              {"QQ==", "A"},
              {"QUI=", "AB"},
              {"QUJD", "ABC"},
              {"QUJDRA==", "ABCD"},
              {"+/+/", "\xfb\xff\xbf"},
              {"AAAA", std::string(3, '\0')}};
  for (const auto& row : good) {
    const auto bytes = DecodeBase64(row.text);
    ASSERT_TRUE(bytes.ok()) << row.text;
    EXPECT_EQ(*bytes, row.bytes) << row.text;
  }
  for (const char* bad : {"Q", "QQ", "QUI", "=", "==", "QQ=", "QQ===", "Q=Q=", "QUJ D", "QUJ-",
                          "QUJD\n", "\xc3\xa4\xc3\xa4"}) {
    EXPECT_FALSE(DecodeBase64(bad).ok()) << bad;
  }
}

TEST(ParseLoadRequest, TakesConfigurationAndFiles) {
  const auto request = ParseLoadRequest(
      "m", R"({"other": [1], "parameters": {"config": "{}", "file:1/model.onnx": "QUJD"}})");
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->name, "m");
  EXPECT_EQ(request->config_json, "{}");
  ASSERT_EQ(request->files.size(), 1U);
  EXPECT_EQ(request->files[0].path, "1/model.onnx");
  EXPECT_EQ(request->files[0].bytes.ToString(), "ABC");
  const auto plain = ParseLoadRequest("m", " ");
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->overrides());
}

TEST(ParseUnloadRequest, TakesABoolean) {
  EXPECT_FALSE(*ParseUnloadRequest(""));
  EXPECT_TRUE(*ParseUnloadRequest(R"({"parameters": {"unload_dependents": true}})"));
  EXPECT_FALSE(ParseUnloadRequest(R"({"parameters": {"unload_dependents": "x"}})").ok());
}

}  // namespace
}  // namespace hadron::protocol
