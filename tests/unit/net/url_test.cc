#include "net/url.h"

#include <gtest/gtest.h>

namespace hadron::net {
namespace {

using Segments = std::vector<std::string>;

TEST(PercentDecode, DecodesAndRefuses) {
  EXPECT_EQ(PercentDecode("a%20b%2Fc%C3%A9"), "a b/c\xC3\xA9");
  EXPECT_EQ(PercentDecode("%00").value().size(), 1U);
  EXPECT_FALSE(PercentDecode("%"));
  EXPECT_FALSE(PercentDecode("%4"));
  EXPECT_FALSE(PercentDecode("a%zz"));
}

TEST(PercentEncode, IsUndoneByDecoding) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
  EXPECT_EQ(PercentEncode("a b/~"), "a%20b%2F~");
}

TEST(RequestTarget, SplitsThePath) {
  EXPECT_EQ(ParseRequestTarget("/v2/models/m")->segments, (Segments{"v2", "models", "m"}));
  EXPECT_EQ(ParseRequestTarget("/v2/")->segments, (Segments{"v2"}));
  EXPECT_EQ(ParseRequestTarget("/")->segments, Segments{});
  EXPECT_EQ(ParseRequestTarget("//a")->segments, (Segments{"", "a"}));
  EXPECT_EQ(ParseRequestTarget("/a//b")->segments, (Segments{"a", "", "b"}));
  EXPECT_EQ(ParseRequestTarget("/a%2Fb/c")->segments, (Segments{"a/b", "c"}));
}

TEST(RequestTarget, SeparatesTheQuery) {
  const auto target = ParseRequestTarget("/a?x=1/2&y=%20#f");
  EXPECT_EQ(target->segments, Segments{"a"});
  EXPECT_EQ(target->query, "x=1/2&y=%20");
}

TEST(RequestTarget, TakesTheAbsoluteForm) {
  EXPECT_EQ(ParseRequestTarget("http://host:8000/v2")->segments, Segments{"v2"});
  EXPECT_EQ(ParseRequestTarget("http://host")->segments, Segments{});
}

TEST(RequestTarget, RefusesWhatIsNoPath) {
  EXPECT_FALSE(ParseRequestTarget("*"));
  EXPECT_FALSE(ParseRequestTarget("host:80"));
  EXPECT_FALSE(ParseRequestTarget(""));
  EXPECT_FALSE(ParseRequestTarget("/%"));
}

}  // namespace
}  // namespace hadron::net
