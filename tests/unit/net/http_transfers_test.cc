#include "net/http_transfers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>

#include "base/bytes.h"
#include "support/http_imposter.h"

namespace hadron::net {
namespace {

using std::chrono::milliseconds;
using test::HttpImposter;
using test::ImposterReply;
using test::ImposterRequest;
using testing::HasSubstr;

class Collector final : public HttpTransfers::Receiver {
 public:
  bool OnHead(int code, const HttpHeaders& fields) override {
    status = code;
    headers = fields;
    return code != 418;
  }
  bool OnBody(std::span<const std::byte> bytes) override {
    body += base::AsText(bytes);
    return body.size() < limit;
  }
  int status = 0;
  HttpHeaders headers;
  std::string body;
  std::size_t limit = SIZE_MAX;
};

/// Polls until all have finished.
std::map<const HttpTransfers::Receiver*, HttpTransfers::Finished> Drain(HttpTransfers& transfers) {
  std::map<const HttpTransfers::Receiver*, HttpTransfers::Finished> all;
  while (transfers.active() > 0) {
    for (auto& finished : transfers.Poll(milliseconds(1000))) {
      all.emplace(finished.receiver, std::move(finished));
    }
  }
  return all;
}

HttpTransfers::Finished One(HttpTransfers& transfers, HttpTransfers::Request request,
                            Collector& collector) {
  EXPECT_TRUE(transfers.Start(std::move(request), collector).ok());
  return std::move(Drain(transfers).at(&collector));
}

ImposterReply Echo(const ImposterRequest& request) {
  return {.status = 200,
          .headers = {{"X-Method", request.method}, {"X-Target", request.target}},
          .body = request.body};
}

TEST(HttpTransfers, CarriesManyRequestsOverConnectionsThatItKeeps) {
  const HttpImposter imposter(Echo);
  HttpTransfers transfers({});
  for (int round = 0; round < 3; ++round) {
    std::vector<Collector> collectors(4);
    for (std::size_t i = 0; i < collectors.size(); ++i) {
      HttpTransfers::Request request;
      request.method = "PUT";
      request.url = imposter.url() + "/" + std::to_string(i);
      request.body = base::IoBuf::FromString(std::string(100'000 + i, 'x'));
      request.body.Append(base::IoBuf::FromString("end"));
      ASSERT_TRUE(transfers.Start(std::move(request), collectors[i]).ok());
    }
    EXPECT_EQ(transfers.active(), 4U);
    const auto finished = Drain(transfers);
    for (std::size_t i = 0; i < collectors.size(); ++i) {
      EXPECT_TRUE(finished.at(&collectors[i]).status.ok());
      EXPECT_EQ(collectors[i].status, 200);
      EXPECT_EQ(collectors[i].body, std::string(100'000 + i, 'x') + "end");
      EXPECT_EQ(collectors[i].headers.Find("x-target"), "/" + std::to_string(i));
    }
  }
  EXPECT_LE(imposter.connections(), 4U);
}

TEST(HttpTransfers, SendsPathsAsTheyAre) {
  const HttpImposter imposter(Echo);
  HttpTransfers transfers({});
  Collector collector;
  const auto finished =
      One(transfers, {.url = imposter.url() + "/a/../b//c/./%7e?x=%2F"}, collector);
  EXPECT_TRUE(finished.status.ok());
  EXPECT_EQ(collector.headers.Find("X-Target"), "/a/../b//c/./%7e?x=%2F");
}

TEST(HttpTransfers, TakesRedirectsAndErrorsAsAnswers) {
  const HttpImposter imposter([](const ImposterRequest& request) {
    return ImposterReply{.status = request.target == "/moved" ? 301 : 503,
                         .headers = {{"Location", "/elsewhere"}},
                         .body = "text"};
  });
  HttpTransfers transfers({});
  Collector moved;
  EXPECT_TRUE(One(transfers, {.url = imposter.url() + "/moved"}, moved).status.ok());
  EXPECT_EQ(moved.status, 301);
  Collector busy;
  One(transfers, {.url = imposter.url() + "/busy"}, busy);
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.body, "text");
}

TEST(HttpTransfers, GivesTheHeadOfAnswersWithoutBody) {
  const HttpImposter imposter([](const ImposterRequest&) {
    return ImposterReply{.status = 200, .headers = {{"Content-Length", "12"}, {"ETag", "\"a\""}}};
  });
  HttpTransfers transfers({});
  Collector collector;
  const auto finished = One(transfers, {.method = "HEAD", .url = imposter.url()}, collector);
  EXPECT_TRUE(finished.status.ok()) << finished.status.message();
  EXPECT_EQ(collector.headers.Find("etag"), "\"a\"");
  EXPECT_EQ(collector.body, "");
}

TEST(HttpTransfers, SaysWhatBroke) {
  const HttpImposter imposter([](const ImposterRequest& request) {
    ImposterReply reply{.status = 200, .body = std::string(50'000, 'b')};
    if (request.target == "/reset") reply.cut_after = 10'000;
    if (request.target == "/short") reply.truncate_after = 10'000;
    if (request.target == "/huge") reply.headers.emplace_back("X-Huge", std::string(70'000, 'h'));
    return reply;
  });
  HttpTransfers transfers({});
  for (const char* path : {"/reset", "/short", "/huge"}) {
    Collector collector;
    const auto finished = One(transfers, {.url = imposter.url() + path}, collector);
    EXPECT_EQ(finished.status.code(), base::StatusCode::kUnavailable) << path;
    EXPECT_THAT(finished.status.message(), HasSubstr(path));
    EXPECT_LE(collector.body.size(), 10'000U);
  }
  Collector collector;
  const auto finished = One(transfers, {.url = "ftp://127.0.0.1/"}, collector);
  EXPECT_EQ(finished.status.code(), base::StatusCode::kInvalidArgument);
}

TEST(HttpTransfers, EndsWhatStalls) {
  const HttpImposter imposter([](const ImposterRequest&) {
    return ImposterReply{.status = 200, .body = std::string(5000, 's'), .stall_after = 4000};
  });
  HttpTransfers::Options options;
  options.stall_timeout = milliseconds(100);
  HttpTransfers transfers(options);
  Collector collector;
  const auto finished = One(transfers, {.url = imposter.url()}, collector);
  EXPECT_EQ(finished.status.code(), base::StatusCode::kUnavailable);
  EXPECT_TRUE(finished.timed_out);
  EXPECT_EQ(collector.body.size(), 4000U);
}

TEST(HttpTransfers, StopsWhenItsReceiverWantsNoMore) {
  const HttpImposter imposter([](const ImposterRequest& request) {
    return ImposterReply{.status = request.target == "/teapot" ? 418 : 200,
                         .body = std::string(3'000'000, 's')};
  });
  HttpTransfers transfers({});
  Collector refusing;
  EXPECT_EQ(One(transfers, {.url = imposter.url() + "/teapot"}, refusing).status.code(),
            base::StatusCode::kCancelled);
  EXPECT_EQ(refusing.body, "");
  Collector small;
  small.limit = 1000;
  EXPECT_EQ(One(transfers, {.url = imposter.url()}, small).status.code(),
            base::StatusCode::kCancelled);
  EXPECT_LT(small.body.size(), 3'000'000U);
}

TEST(HttpTransfers, DropsWhatIsOnItsWay) {
  const HttpImposter imposter([](const ImposterRequest&) {
    return ImposterReply{.status = 200, .body = std::string(5000, 's'), .stall_after = 4000};
  });
  HttpTransfers transfers({});
  Collector collector;
  ASSERT_TRUE(transfers.Start({.url = imposter.url()}, collector).ok());
  while (collector.body.empty()) EXPECT_TRUE(transfers.Poll(milliseconds(1000)).empty());
  transfers.Drop();
  EXPECT_EQ(transfers.active(), 0U);
  EXPECT_TRUE(transfers.Poll(milliseconds(0)).empty());
}

}  // namespace
}  // namespace hadron::net
