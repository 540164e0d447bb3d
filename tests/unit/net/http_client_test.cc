#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/net/echo_server.h"

namespace hadron::net {
namespace {

using testing::HasSubstr;

std::string Url(const EchoServer& server, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(server.port()) + path;
}

TEST(BlockingHttpClient, SendsAndReceives) {
  EchoServer server;
  BlockingHttpClient client;
  HttpClientRequest request;
  request.method = "POST";
  request.url = Url(server, "/p?q=2");
  request.headers = {{"X-Extra", "1"}};
  request.body = base::IoBuf::FromString(std::string(3'000'000, 'b'));
  request.body.Append(base::IoBuf::FromString(std::string("\0end", 4)));
  for (int i = 0; i < 2; ++i) {
    auto answer = client.Send(request);
    ASSERT_TRUE(answer.ok()) << answer.message();
    EXPECT_EQ(answer->status, 200);
    EXPECT_TRUE(answer->body == request.body.ToString());
    EXPECT_EQ(answer->headers.Find("x-method"), "POST");
  }
  EXPECT_EQ(server.server->connections(), 1U);
  request = {};
  request.url = Url(server, "/");
  EXPECT_EQ(client.Send(request)->headers.Find("X-Method"), "GET");
}

TEST(BlockingHttpClient, EveryStatusIsAnAnswer) {
  EchoServer server;
  BlockingHttpClient client;
  HttpClientRequest request;
  request.url = Url(server, "/forbidden");
  auto answer = client.Send(request);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->status, 403);
  EXPECT_THAT(answer->body, HasSubstr("not this one"));
}

TEST(BlockingHttpClient, SaysWhyItCannotConnect) {
  std::uint16_t port = 0;
  {
    EchoServer server;
    port = server.port();
  }
  BlockingHttpClient client;
  HttpClientRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(client.Send(request).code(), base::StatusCode::kUnavailable);
  request.url = "gopher://x";
  EXPECT_EQ(client.Send(request).code(), base::StatusCode::kInvalidArgument);
}

TEST(BlockingHttpClient, GivesUpInTime) {
  EchoServer server;
  BlockingHttpClient client;
  HttpClientRequest request;
  request.url = Url(server, "/hold");
  request.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(client.Send(request).code(), base::StatusCode::kUnavailable);
  server.handler.TakeHeld();
}

}  // namespace
}  // namespace hadron::net
