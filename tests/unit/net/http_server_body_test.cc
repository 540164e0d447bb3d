#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "unit/net/echo_server.h"
#include "unit/net/raw_client.h"

namespace hadron::net {
namespace {

using testing::HasSubstr;

std::string Chunked(std::string_view chunks) {
  return "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks);
}

std::string Pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 % 251);
  return text;
}

TEST(HttpBody, SizedBodyIsOneSlice) {
  EchoServer server;
  RawClient client(server.port());
  const std::string body = Pattern(3'000'000);
  ASSERT_TRUE(client.Send("POST /hold HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
                          "\r\n\r\n" + body));
  auto held = server.handler.TakeHeld();
  EXPECT_TRUE(held.request.body.contiguous());
  EXPECT_TRUE(held.request.body.ToString() == body);
  std::move(held.responder).Send({});
  EXPECT_EQ(client.Read().status, 200);
}

TEST(HttpBody, ChunksAreJoined) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Chunked("5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n")));
  EXPECT_EQ(client.Read().body, "hello world");
  ASSERT_TRUE(client.Send(Chunked("0\r\n\r\n")));
  EXPECT_EQ(client.Read().body, "");
}

TEST(HttpBody, ChunksOfOneByteSentByteByByte) {
  EchoServer server;
  RawClient client(server.port());
  std::string request;
  for (const char c : std::string("abcdefghij")) request += std::string("1\r\n") + c + "\r\n";
  for (const char c : Chunked(request + "0\r\n\r\n")) ASSERT_TRUE(client.Send({&c, 1}));
  EXPECT_EQ(client.Read().body, "abcdefghij");
}

TEST(HttpBody, LargeChunkedBodyArrivesWhole) {
  EchoServer server;
  RawClient client(server.port());
  const std::string body = Pattern(5'000'000);
  std::string chunks;
  for (std::size_t at = 0; at < body.size(); at += 1'000'000) {
    chunks += "f4240\r\n" + body.substr(at, 1'000'000) + "\r\n";
  }
  ASSERT_TRUE(client.Send(Chunked(chunks + "0\r\n\r\n")));
  EXPECT_TRUE(client.Read().body == body);
}

TEST(HttpBody, BadChunksAre400) {
  EchoServer server;
  for (const std::string& chunks :
       {std::string("zz\r\nhello\r\n0\r\n\r\n"), std::string("5\r\nhelloXX0\r\n\r\n"),
        std::string("-1\r\n\r\n"), std::string("fffffffffffffffff\r\n"),
        "1" + std::string(70'000, 'x')}) {
    RawClient client(server.port());
    client.Send(Chunked(chunks));
    client.FinishSending();
    EXPECT_EQ(client.Read().status, 400) << chunks.substr(0, 30);
    EXPECT_TRUE(client.AtEnd());
  }
}

TEST(HttpBody, TooManyChunksAre400) {
  HttpServerOptions options;
  options.max_chunks = 100;
  EchoServer server(options);
  std::string chunks;
  for (int i = 0; i < 100; ++i) chunks += "1\r\nx\r\n";
  RawClient good(server.port());
  ASSERT_TRUE(good.Send(Chunked(chunks + "0\r\n\r\n")));
  EXPECT_EQ(good.Read().body, std::string(100, 'x'));
  RawClient bad(server.port());
  ASSERT_TRUE(bad.Send(Chunked(chunks + "1\r\nx\r\n0\r\n\r\n")));
  const RawResponse response = bad.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("more than 100 chunks"));
  EXPECT_TRUE(bad.AtEnd());
}

TEST(HttpBody, ChunkedBodyAboveTheLimitIs413) {
  HttpServerOptions options;
  options.max_body_bytes = 1000;
  EchoServer server(options);
  RawClient client(server.port());
  client.Send(Chunked("3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 413);
}

TEST(HttpBody, ShortBodyThenEndIs400) {
  EchoServer server;
  RawClient sized(server.port());
  ASSERT_TRUE(sized.Send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"));
  sized.FinishSending();
  const RawResponse response = sized.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("closed after 3 bytes of the request body of 10"));
  RawClient chunked(server.port());
  ASSERT_TRUE(chunked.Send(Chunked("5\r\nhel")));
  chunked.FinishSending();
  EXPECT_EQ(chunked.Read().status, 400);
}

long ResidentKiB() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(HttpBody, LyingLengthCostsNoMemory) {
  EchoServer server;
  const long before = ResidentKiB();
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("POST /x HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\nabc"));
  client.FinishSending();
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_LT(ResidentKiB() - before, 200'000);
}

TEST(HttpBody, BudgetRefusesBeforeTheBodyIsRead) {
  MemoryBudget budget(1000);
  EchoServer server({}, &budget);
  RawClient holder(server.port());
  ASSERT_TRUE(holder.Send("POST /hold HTTP/1.1\r\nContent-Length: 600\r\n\r\n" + Pattern(600)));
  auto held = server.handler.TakeHeld();
  EXPECT_EQ(budget.used_bytes(), 600U);
  RawClient refused(server.port());
  ASSERT_TRUE(refused.Send("POST /x HTTP/1.1\r\nContent-Length: 600\r\n\r\n"));
  const RawResponse response = refused.Read();
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.head, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(response.head, HasSubstr("Connection: close"));
  EXPECT_THAT(response.body, HasSubstr("--request-memory-budget"));
  held.request.body = {};
  EXPECT_EQ(budget.used_bytes(), 0U);
  std::move(held.responder).Send({});
  RawClient again(server.port());
  ASSERT_TRUE(again.Send("POST /x HTTP/1.1\r\nContent-Length: 600\r\n\r\n" + Pattern(600)));
  EXPECT_EQ(again.Read().body, Pattern(600));
}

TEST(HttpBody, ExpectContinueIsAnsweredBeforeTheBody) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  ASSERT_TRUE(client.WaitForInterim());
  ASSERT_TRUE(client.Send("ok"));
  EXPECT_EQ(client.Read().body, "ok");
}

TEST(HttpBody, HandlerRefusesByTheHeaderAlone) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(
      "POST /forbidden HTTP/1.1\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 403);
  EXPECT_EQ(client.interim(), 0);
  EXPECT_TRUE(client.AtEnd());
  RawClient no_body(server.port());
  ASSERT_TRUE(no_body.Send("GET /forbidden HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(no_body.Read().status, 403);
  EXPECT_EQ(no_body.Read().status, 200);
}

TEST(HttpBody, RefusalIsReadThoughTheClientGoesOnSending) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("POST /forbidden HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n"));
  ASSERT_TRUE(client.Send(Pattern(4'000'000)));
  EXPECT_EQ(client.Read().status, 403);
}

}  // namespace
}  // namespace hadron::net
