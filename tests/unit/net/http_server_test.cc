#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "unit/net/echo_server.h"
#include "unit/net/raw_client.h"

namespace hadron::net {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kHold = "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  EchoServer server;
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        client.Send("POST /a/b%2Fc?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"));
    const RawResponse response = client.Read();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello");
    EXPECT_THAT(response.head, HasSubstr("X-Path: a|b/c\r\n"));
    EXPECT_THAT(response.head, HasSubstr("X-Query: q=1\r\n"));
    EXPECT_THAT(response.head, Not(HasSubstr("Connection:")));
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  EchoServer server;
  RawClient client(server.port());
  std::string all;
  constexpr int kRequests = 2000;
  for (int i = 0; i < kRequests; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  std::jthread sender([&] { client.Send(all); });
  for (int i = 0; i < kRequests; ++i) {
    const RawResponse response = client.Read();
    ASSERT_EQ(response.status, 200);
    ASSERT_THAT(response.head, HasSubstr("X-Path: " + std::to_string(i) + "\r\n"));
  }
}

TEST(HttpServer, PipelinedRequestWaitsForASlowAnswer) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(std::string(kHold) + kGet));
  auto held = server.handler.TakeHeld();
  HttpResponse late;
  late.body = base::IoBuf::FromString("late");
  std::move(held.responder).Send(std::move(late));
  EXPECT_EQ(client.Read().body, "late");
  EXPECT_THAT(client.Read().head, HasSubstr("X-Path: a\r\n"));
}

TEST(HttpServer, ClosesWhenAskedAndForHttp10) {
  EchoServer server;
  RawClient asked(server.port());
  ASSERT_TRUE(asked.Send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(asked.Read().head, HasSubstr("Connection: close"));
  EXPECT_TRUE(asked.AtEnd());
  RawClient old(server.port());
  ASSERT_TRUE(old.Send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(old.Read().status, 200);
  EXPECT_TRUE(old.AtEnd());
  RawClient kept(server.port());
  ASSERT_TRUE(kept.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_THAT(kept.Read().head, HasSubstr("Connection: keep-alive"));
  ASSERT_TRUE(kept.Send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(kept.Read().status, 200);
}

TEST(HttpServer, HeadHasALengthAndNoBody) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("HEAD /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  // The body is announced and never comes, so reading it meets the end of the connection.
  EXPECT_EQ(client.Read().status, 0);
}

TEST(HttpServer, WritesAResponseOfManySlicesToASlowReader) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(client.Read().body == EchoHandler::Big().ToString());
}

TEST(HttpServer, DroppedResponderAnswers500) {
  EchoServer server;
  RawClient client(server.port());
  for (const char* path : {"drop", "throw"}) {
    ASSERT_TRUE(client.Send(std::string("GET /") + path + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    const RawResponse response = client.Read();
    EXPECT_EQ(response.status, 500);
    EXPECT_THAT(response.body, HasSubstr("{\"error\":"));
  }
}

struct BadRequest {
  const char* what;
  std::string bytes;
  int status;
  const char* fragment;
};

std::string ManyFields(int n) {
  std::string text = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < n; ++i) text += "X-" + std::to_string(i) + ": 1\r\n";
  return text + "\r\n";
}

TEST(HttpServer, RefusesMalformedRequestsWithJson) {
  const BadRequest cases[] = {
      {"garbage", "hello\r\n\r\n", 400, "malformed HTTP request"},
      {"binary", std::string("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 11), 400, "malformed"},
      {"no version", "GET /\r\n\r\n", 400, "malformed"},
      {"HTTP/2", "GET / HTTP/2.0\r\n\r\n", 505, "version"},
      {"space in name", "GET / HTTP/1.1\r\nA B: c\r\n\r\n", 400, "malformed"},
      {"bad length", "POST / HTTP/1.1\r\nContent-Length: abc\r\n\r\n", 400, "Content-Length"},
      {"negative length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "Content-Length"},
      {"overflowing length", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400,
       "Content-Length"},
      {"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400,
       "Content-Length"},
      {"length and chunks",
       "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
       "malformed"},
      {"bad escape", "GET /%zz HTTP/1.1\r\n\r\n", 400, "target"},
      {"not a path", "GET x HTTP/1.1\r\n\r\n", 400, "target"},
      {"257 fields", ManyFields(257), 431, "256 header fields"},
      {"long field", "GET / HTTP/1.1\r\nA: " + std::string(70'000, 'x') + "\r\n\r\n", 431,
       "64 KiB"},
      {"long target", "GET /" + std::string(70'000, 'x') + " HTTP/1.1\r\n\r\n", 431, "64 KiB"},
      {"too large", "POST / HTTP/1.1\r\nContent-Length: 3000000000\r\n\r\n", 413,
       "--http-max-request-size"},
  };
  EchoServer server;
  for (const BadRequest& bad : cases) {
    SCOPED_TRACE(bad.what);
    RawClient client(server.port());
    client.Send(bad.bytes);
    const RawResponse response = client.Read();
    EXPECT_EQ(response.status, bad.status);
    EXPECT_THAT(response.head, HasSubstr("Content-Type: application/json"));
    EXPECT_THAT(response.body, HasSubstr("{\"error\":\""));
    EXPECT_THAT(response.body, HasSubstr(bad.fragment));
    EXPECT_TRUE(client.AtEnd());
  }
  RawClient good(server.port());
  ASSERT_TRUE(good.Send(ManyFields(256)));
  EXPECT_EQ(good.Read().status, 200);
}

TEST(HttpServer, TakesAHeaderSectionOf60KiB) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nA: " + std::string(60'000, 'x') + "\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST(HttpServer, HeaderMayComeByteByByte) {
  EchoServer server;
  RawClient client(server.port());
  for (const char c : std::string("\r\nPOST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nok")) {
    ASSERT_TRUE(client.Send({&c, 1}));
  }
  EXPECT_EQ(client.Read().body, "ok");
}

TEST(HttpServer, HalfClosedClientGetsItsAnswer) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(std::string(kGet) + kHold));
  client.FinishSending();
  EXPECT_EQ(client.Read().status, 200);
  auto held = server.handler.TakeHeld();
  EXPECT_FALSE(held.request.cancelled->load());
  std::move(held.responder).Send(JsonResponse("{}"));
  EXPECT_EQ(client.Read().body, "{}");
  EXPECT_TRUE(client.AtEnd());
}

TEST(HttpServer, HalfClosedInTheMiddleOfAHeaderIs400) {
  EchoServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHo"));
  client.FinishSending();
  const RawResponse response = client.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("middle of a request header"));
}

/// Waits for another thread's flag without sleeping for a fixed time.
bool Becomes(const std::atomic<bool>& flag) {
  const auto until = steady_clock::now() + seconds(10);
  while (!flag.load()) {
    if (steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(HttpServer, CancelsTheRequestOfAClientThatHasGone) {
  EchoServer server;
  for (const bool reset : {false, true}) {
    RawClient client(server.port());
    ASSERT_TRUE(client.Send(kHold));
    auto held = server.handler.TakeHeld();
    EXPECT_FALSE(held.request.cancelled->load());
    if (reset) {
      client.Reset();
    } else {
      client.Close();
    }
    EXPECT_TRUE(Becomes(*held.request.cancelled));
    std::move(held.responder).Send(JsonResponse("{}"));  // goes nowhere
  }
  EXPECT_TRUE(server.server->WaitForAnswers(steady_clock::now() + seconds(10)));
}

TEST(HttpServer, KeepsTheRestWaitingAboveTheConnectionLimit) {
  HttpServerOptions options;
  options.max_connections = 2;
  EchoServer server(options);
  auto first = std::make_unique<RawClient>(server.port());
  RawClient second(server.port());
  ASSERT_TRUE(first->Send(kGet));
  EXPECT_EQ(first->Read().status, 200);
  ASSERT_TRUE(second.Send(kGet));
  EXPECT_EQ(second.Read().status, 200);
  EXPECT_EQ(server.server->connections(), 2U);
  RawClient third(server.port());  // connected by the kernel, not yet accepted
  ASSERT_TRUE(third.Send(kGet));
  first.reset();
  EXPECT_EQ(third.Read().status, 200);
}

TEST(HttpServer, DrainAnswersWhatItHasAndCloses) {
  EchoServer server;
  RawClient client(server.port());
  RawClient idle(server.port());
  ASSERT_TRUE(idle.Send(kGet));
  ASSERT_EQ(idle.Read().status, 200);  // so it has been accepted, not only queued by the kernel
  ASSERT_TRUE(client.Send(kHold));
  auto held = server.handler.TakeHeld();
  server.server->StopAccepting();
  EXPECT_FALSE(server.server->WaitForAnswers(steady_clock::now()));
  ASSERT_TRUE(idle.Send(kGet));
  EXPECT_THAT(idle.Read().head, HasSubstr("Connection: close"));
  std::move(held.responder).Send(JsonResponse("{}"));
  EXPECT_THAT(client.Read().head, HasSubstr("Connection: close"));
  EXPECT_TRUE(server.server->WaitForAnswers(steady_clock::now() + seconds(10)));
  server.server->Stop();
  RawClient late(server.port());
  EXPECT_FALSE(late.connected());
}

TEST(HttpServer, AnswerAfterStopIsDropped) {
  auto server = std::make_unique<EchoServer>();
  RawClient client(server->port());
  ASSERT_TRUE(client.Send(kHold));
  auto held = server->handler.TakeHeld();
  server->server->Stop();
  EXPECT_TRUE(held.request.cancelled->load());
  server.reset();
  std::move(held.responder).Send(JsonResponse("{}"));
  EXPECT_EQ(client.Read().status, 0);
}

TEST(HttpServer, AnswersThatMeetTheStopKeepNoConnection) {
  for (int round = 0; round < 100; ++round) {
    EchoServer server;
    std::vector<std::unique_ptr<RawClient>> clients;
    std::vector<decltype(server.handler.TakeHeld())> held;
    for (int i = 0; i < 6; ++i) {
      clients.push_back(std::make_unique<RawClient>(server.port()));
      ASSERT_TRUE(clients.back()->Send(kHold));
      held.push_back(server.handler.TakeHeld());
    }
    std::jthread answers([&held] {
      for (auto& request : held) std::move(request.responder).Send(JsonResponse("{}"));
    });
    server.server->Stop();
    answers.join();
    held.clear();
    EXPECT_EQ(server.server->connections(), 0U);
  }
}

TEST(HttpServer, ServesManyClientsAtOnce) {
  EchoServer server;
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        RawClient client(server.port());
        for (int i = 0; i < 100; ++i) {
          const std::string body = std::to_string(t) + "-" + std::to_string(i);
          client.Send("POST / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\n\r\n" + body);
          if (client.Read().body == body) ++good;
        }
      });
    }
  }
  EXPECT_EQ(good.load(), 800);
}

TEST(HttpServer, NamesTheHolderOfATakenPort) {
  EchoServer first;
  EchoHandler handler;
  HttpServerOptions options;
  options.address = "127.0.0.1";
  options.port = first.port();
  auto second = HttpServer::Create(options, handler);
  ASSERT_TRUE(second.ok());
  const base::Status status = (*second)->Bind();
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "cannot listen on 127.0.0.1:" + std::to_string(first.port()) +
                                  ": address in use by pid " + std::to_string(::getpid()) +
                                  " (net_test); stop it or choose --http-port");
}

TEST(HttpServer, RefusesAnAddressThatIsNone) {
  EchoHandler handler;
  HttpServerOptions options;
  options.address = "nonsense";
  EXPECT_EQ(HttpServer::Create(options, handler).code(), base::StatusCode::kInvalidArgument);
  options.address = "192.0.2.1";  // reserved for documentation: not of this host
  auto server = HttpServer::Create(options, handler);
  ASSERT_TRUE(server.ok());
  EXPECT_THAT((*server)->Bind().message(), HasSubstr("not an address of this host"));
}

TEST(HttpServer, ListensOnBothFamilies) {
  EchoHandler handler;
  HttpServerOptions options;
  options.address = "[::]";
  auto server = HttpServer::Create(options, handler);
  ASSERT_TRUE(server.ok());
  if (!(*server)->Bind().ok()) GTEST_SKIP() << "this machine has no IPv6";
  (*server)->Start();
  RawClient client((*server)->port());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().status, 200);
}

}  // namespace
}  // namespace hadron::net
