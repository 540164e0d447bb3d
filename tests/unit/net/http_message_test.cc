#include "net/http_message.h"

#include <gtest/gtest.h>

#include <vector>

namespace hadron::net {
namespace {

TEST(HttpHeaders, FindsWithoutCaseTheFirstOfAName) {
  HttpHeaders headers;
  headers.Add("Content-Type", "a");
  headers.Add("X-Empty", "");
  headers.Add("content-type", "b");
  EXPECT_EQ(headers.Find("CONTENT-TYPE"), "a");
  EXPECT_EQ(headers.Find("x-empty"), "");
  EXPECT_FALSE(headers.Find("X-Other"));
  ASSERT_EQ(headers.size(), 3U);
  EXPECT_EQ(headers.name(2), "content-type");
  EXPECT_EQ(headers.value(2), "b");
}

TEST(HttpHeaders, SurviveCopiesAndMoves) {
  HttpHeaders headers;
  headers.Add("A", "1");
  HttpHeaders copy = headers;
  HttpHeaders moved = std::move(headers);
  EXPECT_EQ(copy.Find("a"), "1");
  EXPECT_EQ(moved.Find("a"), "1");
}

TEST(ErrorResponse, QuotesItsMessage) {
  EXPECT_EQ(ErrorResponse(400, "say \"no\"").body.ToString(), R"({"error":"say \"no\""})");
}

struct FakeSink final : ResponseSink {
  void Respond(HttpResponse response) override { statuses.push_back(response.status); }
  std::vector<int> statuses;
};

TEST(HttpResponder, AnswersOnceOr500) {
  auto sink = std::make_shared<FakeSink>();
  {
    HttpResponder first(sink);
    HttpResponder second = std::move(first);
    std::move(second).Send({});
  }
  EXPECT_EQ(sink->statuses, std::vector<int>{200});
  { HttpResponder dropped(sink); }
  EXPECT_EQ(sink->statuses, (std::vector<int>{200, 500}));
}

}  // namespace
}  // namespace hadron::net
