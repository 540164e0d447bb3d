#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "net/http_server.h"

namespace hadron::net {

/// Answers with what it was asked; /hold keeps the request until the test answers it.
class EchoHandler final : public HttpHandler {
 public:
  struct Held {
    HttpRequest request;
    HttpResponder responder;
  };

  std::optional<HttpResponse> Refuse(const HttpRequest& head) override {
    if (head.segments == std::vector<std::string>{"forbidden"}) {
      return ErrorResponse(403, "not this one");
    }
    return std::nullopt;
  }

  void Handle(HttpRequest request, HttpResponder responder) override {
    const std::string first = request.segments.empty() ? "" : request.segments[0];
    if (first == "hold") {
      const std::lock_guard lock(mutex_);
      held_.set_value({std::move(request), std::move(responder)});
      return;
    }
    if (first == "drop") return;
    if (first == "throw") throw std::runtime_error("handler bug");
    HttpResponse response;
    response.headers.emplace_back("X-Method", request.method);
    response.headers.emplace_back("X-Path", base::Join(request.segments, "|"));
    response.headers.emplace_back("X-Query", request.query);
    response.body = first == "big" ? Big() : request.body;
    std::move(responder).Send(std::move(response));
  }

  /// The request of /hold, once it has come.
  Held TakeHeld() {
    auto future = held_.get_future();
    EXPECT_EQ(future.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    Held held = future.get();
    const std::lock_guard lock(mutex_);
    held_ = {};
    return held;
  }

  static base::IoBuf Big() {
    base::IoBuf body;
    for (int i = 0; i < 200; ++i) {
      body.Append(base::IoBuf::FromString(std::string(50'000, static_cast<char>('a' + i % 26))));
    }
    return body;
  }

 private:
  std::mutex mutex_;
  std::promise<Held> held_;
};

/// A started server on a free port.
struct EchoServer {
  explicit EchoServer(HttpServerOptions options = {}, MemoryBudget* budget = nullptr) {
    options.address = "127.0.0.1";
    if (options.threads == 1) options.threads = 2;
    auto made = HttpServer::Create(std::move(options), handler, budget);
    EXPECT_TRUE(made.ok());
    server = std::move(made).value();
    EXPECT_TRUE(server->Bind().ok());
    server->Start();
  }
  std::uint16_t port() const { return server->port(); }

  EchoHandler handler;
  std::unique_ptr<HttpServer> server;
};

}  // namespace hadron::net
