#include "net/http/request_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/bytes.h"

namespace hadron::net {
namespace {

using Progress = RequestParser::Progress;

std::span<const std::byte> Bytes(const std::string& text) {
  return base::AsBytes(std::string_view(text));
}

TEST(RequestParser, ReadsAHeader) {
  RequestParser parser({});
  const std::string text =
      "POST /x HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-Continue\r\nA:  b \r\n\r\nabc";
  EXPECT_FALSE(parser.started());
  const auto step = parser.ParseHeader(Bytes(text));
  EXPECT_EQ(step.progress, Progress::kHeaderDone);
  EXPECT_EQ(text.substr(step.consumed), "abc");
  EXPECT_EQ(parser.header().method, "POST");
  EXPECT_EQ(parser.header().target, "/x");
  EXPECT_EQ(parser.header().content_length, 3U);
  EXPECT_TRUE(parser.header().expects_continue);
  EXPECT_TRUE(parser.header().keep_alive);
  EXPECT_FALSE(parser.header().chunked);
  EXPECT_EQ(parser.header().fields.Find("a"), "b");
}

TEST(RequestParser, BeginsAnewAfterReset) {
  RequestParser parser({});
  EXPECT_EQ(parser.ParseHeader(Bytes("bad\r\n\r\n")).progress, Progress::kFailed);
  EXPECT_EQ(parser.error().status, 400);
  parser.Reset();
  EXPECT_FALSE(parser.started());
  EXPECT_EQ(parser.ParseHeader(Bytes("GET / HTTP/1.1\r\n\r\n")).progress, Progress::kHeaderDone);
}

TEST(RequestParser, SinkEndsAChunkedBody) {
  RequestParser parser({});
  const std::string text =
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const auto header = parser.ParseHeader(Bytes(text));
  ASSERT_EQ(header.progress, Progress::kHeaderDone);
  EXPECT_TRUE(parser.header().chunked);
  RequestParser::BodySink refuse = [](std::span<const std::byte>) { return false; };
  EXPECT_EQ(parser.ParseChunks(Bytes(text).subspan(header.consumed), refuse).progress,
            Progress::kFailed);
}

/// Feeds mutated requests in random pieces; nothing may crash, hang or read outside (sanitizers).
TEST(RequestParser, SurvivesMutations) {
  const std::string good =
      "POST /v2/models/m/infer?x=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
      "X: y\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 3000; ++round) {
    std::string text = good;
    for (std::size_t i = below(4); i > 0; --i)
      text[below(text.size())] = static_cast<char>(below(256));
    if (below(3) == 0) text.erase(below(text.size()), below(20));
    RequestParser parser({});
    std::size_t body = 0;
    RequestParser::BodySink sink = [&](std::span<const std::byte> bytes) {
      body += bytes.size();
      return true;
    };
    std::string pending;
    bool in_body = false;
    bool ended = false;
    for (std::size_t at = 0; at < text.size() && !ended;) {
      const std::size_t piece = std::min(1 + below(40), text.size() - at);
      pending += text.substr(at, piece);
      at += piece;
      const auto step =
          in_body ? parser.ParseChunks(Bytes(pending), sink) : parser.ParseHeader(Bytes(pending));
      pending.erase(0, step.consumed);
      if (step.progress == Progress::kHeaderDone) in_body = parser.header().chunked;
      ended = step.progress == Progress::kFailed || step.progress == Progress::kDone ||
              (step.progress == Progress::kHeaderDone && !in_body);
    }
    ASSERT_LE(body, text.size());
  }
}

}  // namespace
}  // namespace hadron::net
