#include "protocol/rest/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace hadron::protocol {
namespace {

using testing::HasSubstr;

base::Status Skip(std::string_view text) {
  JsonReader json(text);
  HADRON_RETURN_IF_ERROR(json.SkipValue());
  return json.ExpectEnd();
}

std::string String(std::string_view text) {
  JsonReader json(text);
  std::string out;
  const base::Status status = json.ReadString(out);
  return status.ok() ? out : "failed";
}

TEST(JsonReader, SkipsEveryWellFormedValue) {
  for (const char* text : {"null",
                           "true",
                           " false ",
                           "0",
                           "-0",
                           "1.5",
                           "-1.25e+10",
                           "1E5",
                           "\"\"",
                           "\"a\\u0041\"",
                           "[]",
                           "[1,2,[3,{}]]",
                           "{}",
                           "{\"a\":1}",
                           "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"x\"}",
                           "NaN",
                           "-Infinity",
                           "Inf",
                           "[NaN, -Inf, Infinity]",
                           "\t[\r\n1 , 2 ]\n"}) {
    EXPECT_TRUE(Skip(text).ok()) << text << ": " << Skip(text).message();
  }
}

TEST(JsonReader, RefusesEveryMalformedValue) {
  for (const char* text : {"",
                           " ",
                           "nul",
                           "tru",
                           "truefalse",
                           "01",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "-",
                           "--1",
                           "0x10",
                           "\"",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"a\nb\"",
                           "[",
                           "]",
                           "[1",
                           "[1,",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{",
                           "}",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:1}",
                           "{\"a\" 1}",
                           "[}",
                           "{]",
                           "[1}",
                           "1 2",
                           "[]]",
                           "{}}",
                           "Na",
                           "Infi",
                           "-N",
                           "nan",
                           "undefined",
                           "'a'",
                           "// x\n1"}) {
    const base::Status status = Skip(text);
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(status.message(), HasSubstr("failed to parse the request JSON buffer")) << text;
  }
}

TEST(JsonReader, DecodesEscapes) {
  EXPECT_EQ(String(R"("a\"\\\/\b\f\n\r\tz")"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(String(R"("\u0041\u00e9\u20AC\ud83d\ude00")"), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(String(R"("\u0000")"), std::string(1, '\0'));
  EXPECT_EQ(String("\"\xC3\xA9\xFF\""), "\xC3\xA9\xFF");
}

TEST(JsonReader, NamesTheKindItFound) {
  JsonReader json("[1]");
  std::string text;
  EXPECT_THAT(json.ReadString(text).message(), HasSubstr("attempt to access JSON array as string"));
  std::string_view token;
  EXPECT_THAT(JsonReader("\"x\"").ReadNumber(token).message(),
              HasSubstr("attempt to access JSON string as number"));
  EXPECT_THAT(JsonReader("").ReadNumber(token).message(), HasSubstr("failed to parse"));
}

TEST(JsonReader, AHundredLevelsAreTheLimit) {
  EXPECT_TRUE(Skip(std::string(100, '[') + std::string(100, ']')).ok());
  EXPECT_THAT(Skip(std::string(101, '[') + std::string(101, ']')).message(),
              HasSubstr("JSON nesting depth exceeds maximum allowed limit (100)"));
}

TEST(JsonReader, AQuarterOfAMillionBracketsCostNoStack) {
  for (const char* open : {"[", "{\"a\":", "[{\"b\":"}) {
    std::string text;
    for (int i = 0; i < 250'000; ++i) text += open;
    EXPECT_THAT(Skip(text).message(), HasSubstr("nesting depth"));
  }
}

TEST(JsonReader, KeepsItsPlace) {
  JsonReader json(R"({"a":[1,2],"b":true})");
  std::size_t at = 0;
  const base::Status status = json.ReadObject([&](std::string_view key) {
    if (key == "a") at = json.position();
    return json.SkipValue();
  });
  ASSERT_TRUE(status.ok());
  json.Seek(at);
  int count = 0;
  EXPECT_TRUE(json.ReadArray([&] {
                    ++count;
                    return json.SkipValue();
                  })
                  .ok());
  EXPECT_EQ(count, 2);
}

/// Whatever bytes come, the reader ends and stays inside (sanitizers watch).
TEST(JsonReader, SurvivesMutations) {
  const std::string good =
      R"({"id":"\u00e9x","n":[1,-2.5e3,NaN,{"a":[true,null,"\"q\""]}],"o":{"p":-Infinity}})";
  ASSERT_TRUE(Skip(good).ok());
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  constexpr std::string_view kSpice = "[]{},:\"\\u0nNItf-+.eE \n\x01\xFF";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (std::size_t i = 1 + below(4); i > 0; --i)
      text[below(text.size())] = kSpice[below(kSpice.size())];
    if (below(4) == 0) text.resize(below(text.size()));
    if (below(4) == 0) text.insert(below(text.size() + 1), text.substr(text.size() / 2));
    const base::Status status = Skip(text);
    EXPECT_TRUE(status.ok() || status.code() == base::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace hadron::protocol
