#include "cpp/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace hadron::client::json {
namespace {

using testing::HasSubstr;

TEST(Json, ReadsAllKinds) {
  const auto json = Parse(R"( {"a":[1,-2.5e3,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{}} )");
  ASSERT_TRUE(json.ok()) << json.message();
  const Array& a = *json->Find("a")->AsArray();
  ASSERT_EQ(a.size(), 6U);
  EXPECT_EQ(a[0].AsInt64(), 1);
  EXPECT_EQ(a[1].AsDouble(), -2500.0);
  EXPECT_EQ(a[2].AsBool(), true);
  EXPECT_EQ(a[3].AsBool(), false);
  EXPECT_TRUE(a[4].is_null());
  EXPECT_EQ(*a[5].AsString(), "x\n\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_TRUE(json->Find("b")->AsObject()->empty());
}

TEST(Json, GettersOfTheWrongKindGiveNothing) {
  const auto json = Parse(R"({"n":1.5,"s":"1"})");
  ASSERT_TRUE(json.ok());
  EXPECT_FALSE(json->Find("n")->AsInt64().has_value());
  EXPECT_FALSE(json->Find("s")->AsDouble().has_value());
  EXPECT_EQ(json->Find("n")->AsString(), nullptr);
  EXPECT_EQ(json->Find("n")->Find("x"), nullptr);
  EXPECT_EQ(json->Find("missing"), nullptr);
  EXPECT_EQ(json->StringAt("n"), "");
}

TEST(Json, IntegersKeepAllDigits) {
  const auto json = Parse("[18446744073709551615,-9223372036854775808]");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ((*json->AsArray())[0].AsUint64(), UINT64_MAX);
  EXPECT_EQ((*json->AsArray())[1].AsInt64(), INT64_MIN);
  EXPECT_FALSE((*json->AsArray())[0].AsInt64().has_value());
}

TEST(Json, ReadsTheWordsOfInferenceServers) {
  const auto json = Parse("[NaN,-Infinity,Infinity,1e999,1e-999]");
  ASSERT_TRUE(json.ok());
  const Array& a = *json->AsArray();
  EXPECT_TRUE(std::isnan(*a[0].AsDouble()));
  EXPECT_EQ(*a[1].AsDouble(), -INFINITY);
  EXPECT_EQ(*a[2].AsDouble(), INFINITY);
  EXPECT_EQ(*a[3].AsDouble(), INFINITY);
  EXPECT_EQ(*a[4].AsDouble(), 0.0);
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const char* text : {"",         "{",    "[1,",     "[1 2]",     "{\"a\"}",     "{\"a\":}",
                           "{a:1}",    "\"x",  "\"\\q\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
                           "\"a\nb\"", "[1]x", "tru",     "-",         "1.2.3",       "+1",
                           "0x10",     "nan",  ",",       "]",         "[,1]",        "\"\\"}) {
    EXPECT_FALSE(Parse(text).ok()) << text;
  }
  EXPECT_THAT(Parse("[1, x]").message(), HasSubstr("byte 4"));
}

TEST(Json, DeepNestingIsRefusedWithoutOverflow) {
  EXPECT_TRUE(Parse(std::string(90, '[') + std::string(90, ']')).ok());
  const std::string deep(1'000'000, '[');
  EXPECT_THAT(Parse(deep).message(), HasSubstr("nested too deeply"));
}

TEST(Json, IsWrittenAsItWasRead) {
  const std::string text = R"({"a":[1.50,-9007199254740993,true,null],"b":{"c":"x \"y"},"d":[]})";
  EXPECT_EQ(ToText(*Parse(text)), text);
}

}  // namespace
}  // namespace hadron::client::json
