#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "unit/net/echo_server.h"
#include "unit/net/raw_client.h"

namespace hadron::net {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

/// Short times: each test waits for one of them to pass, none measures it.
HttpServerOptions Impatient() {
  HttpServerOptions options;
  options.idle_timeout = milliseconds(60);
  options.header_timeout = milliseconds(60);
  options.body_timeout = milliseconds(60);
  return options;
}

TEST(HttpTimeout, IdleConnectionEndsWithoutAWord) {
  EchoServer server(Impatient());
  RawClient silent(server.port());
  EXPECT_TRUE(silent.AtEnd());
  RawClient used(server.port());
  ASSERT_TRUE(used.Send("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(used.Read().status, 200);
  EXPECT_TRUE(used.AtEnd());
}

TEST(HttpTimeout, UnfinishedHeaderIs408) {
  EchoServer server(Impatient());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost:"));
  const RawResponse response = client.Read();
  EXPECT_EQ(response.status, 408);
  EXPECT_THAT(response.body, HasSubstr("did not arrive in time"));
  EXPECT_TRUE(client.AtEnd());
}

TEST(HttpTimeout, UnfinishedBodyIs408) {
  EchoServer server(Impatient());
  for (const char* header : {"Content-Length: 100", "Transfer-Encoding: chunked"}) {
    RawClient client(server.port());
    ASSERT_TRUE(client.Send(std::string("POST / HTTP/1.1\r\n") + header + "\r\n\r\n5\r\nab"));
    EXPECT_EQ(client.Read().status, 408) << header;
  }
}

TEST(HttpTimeout, DoesNotRunWhileTheHandlerWorks) {
  EchoServer server(Impatient());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET /hold HTTP/1.1\r\n\r\n"));
  auto held = server.handler.TakeHeld();
  RawClient other(server.port());
  EXPECT_TRUE(other.AtEnd());  // all timeouts have passed
  EXPECT_FALSE(held.request.cancelled->load());
  std::move(held.responder).Send(JsonResponse("{}"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST(HttpTimeout, LingeringEnds) {
  HttpServerOptions options;
  options.linger_timeout = milliseconds(60);
  EchoServer server(options);
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.AtEnd());
  while (server.server->connections() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace hadron::net
