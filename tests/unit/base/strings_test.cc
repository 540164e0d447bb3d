#include "base/strings.h"

#include <gtest/gtest.h>

namespace hadron::base {
namespace {

TEST(ParseNumbers, TakesWholeTextsOnly) {
  EXPECT_EQ(ParseInt64("-12"), -12);
  EXPECT_EQ(ParseUint64("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", " 1", "1 ", "+1", "1e3", "0x10", "18446744073709551616", "-1"}) {
    EXPECT_EQ(ParseUint64(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(ParseDouble("1.5"), 1.5);
  EXPECT_EQ(ParseDouble("1.5x"), std::nullopt);
}

TEST(JsonQuote, EscapesAndRepairs) {
  EXPECT_EQ(JsonQuote("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
  EXPECT_EQ(JsonQuote("gr\xC3\xBC\xC3\x9F"), "\"gr\xC3\xBC\xC3\x9F\"");
  // Truncated, overlong, surrogate, above U+10FFFF: one replacement a byte.
  EXPECT_EQ(JsonQuote("\xC3"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonQuote("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonQuote("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonQuote("\xF4\x90\x80\x80").size(), 2 + 4 * 3U);
  EXPECT_EQ(JsonQuote("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\"");
}

TEST(EscapeControl, KeepsANameFromForgingALogLine) {
  EXPECT_EQ(EscapeControl("a\nb'c"), "a\\x0ab\\x27c");
}

TEST(Split, KeepsEmptyPieces) {
  EXPECT_EQ(Split("a,,b", ',').size(), 3U);
  EXPECT_EQ(Split("", ',').size(), 1U);
}

TEST(Strings, SmallThings) {
  EXPECT_EQ(Trim("  a b \r\n"), "a b");
  EXPECT_EQ(Trim(" "), "");
  EXPECT_TRUE(EqualsIgnoreCase("Content-Type", "content-TYPE"));
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(5), "5 B");
}

}  // namespace
}  // namespace hadron::base
