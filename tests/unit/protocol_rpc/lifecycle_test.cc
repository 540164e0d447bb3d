#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "health.grpc.pb.h"
#include "local_server.h"

namespace hadron::protocol::rpc {
namespace {

using namespace std::chrono_literals;
using ::inference::ModelInferResponse;

RpcFrontend::Options FreePort() {
  RpcFrontend::Options options;
  options.address = "127.0.0.1";
  options.port = 0;
  return options;
}

struct Parts {
  base::SystemClock clock;
  telemetry::ServerMetrics metrics;
  ServerState state{{}, true};
  RpcFrontend::Services services{&state, &clock, &metrics, nullptr};
};

std::shared_ptr<grpc::Channel> Connect(const RpcFrontend& frontend) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(frontend.port()),
                                   grpc::InsecureChannelCredentials(), arguments);
}

TEST(RpcFrontend, RefusesOptionsThatMakeNoSense) {
  Parts parts;
  RpcFrontend::Options options = FreePort();
  options.infer_threads = 0;
  EXPECT_NE(
      RpcFrontend::Create(options, parts.services).message().find("--grpc-infer-thread-count"),
      std::string::npos);
  options = FreePort();
  options.address = "";
  EXPECT_EQ(RpcFrontend::Create(options, parts.services).code(),
            base::StatusCode::kInvalidArgument);
}

TEST(RpcFrontend, SaysWhoHasThePort) {
  Parts parts;
  auto first = *RpcFrontend::Create(FreePort(), parts.services);
  ASSERT_TRUE(first->Bind().ok());
  ASSERT_NE(first->port(), 0);
  RpcFrontend::Options taken = FreePort();
  taken.port = first->port();
  auto second = *RpcFrontend::Create(taken, parts.services);
  const base::Status status = second->Bind();
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("cannot listen on 127.0.0.1:" + std::to_string(taken.port) +
                                  ": address in use by pid"),
            std::string::npos)
      << status.message();
  EXPECT_NE(status.message().find("--grpc-port"), std::string::npos);
}

TEST(RpcFrontend, SaysWhatIsWrongWithAnAddress) {
  Parts parts;
  RpcFrontend::Options options = FreePort();
  options.address = "192.0.2.1";  // for documentation: no host has it
  auto foreign = *RpcFrontend::Create(options, parts.services);
  EXPECT_NE(foreign->Bind().message().find("not an address of this host"), std::string::npos);
  options.address = "example.com";
  auto nonsense = *RpcFrontend::Create(options, parts.services);
  EXPECT_NE(nonsense->Bind().message().find("not an IP address"), std::string::npos);
}

TEST(RpcFrontend, EndsWithoutHavingStarted) {
  Parts parts;
  auto unbound = *RpcFrontend::Create(FreePort(), parts.services);
  unbound->Shutdown(parts.clock.Now());
  auto bound = *RpcFrontend::Create(FreePort(), parts.services);
  ASSERT_TRUE(bound->Bind().ok());
  bound->Shutdown(parts.clock.Now() + 1s);
  bound->Shutdown(parts.clock.Now() + 1s);
}

TEST(RpcFrontend, IsLiveButNotReadyBeforeModelsAreKnown) {
  Parts parts;
  auto frontend = *RpcFrontend::Create(FreePort(), parts.services);
  ASSERT_TRUE(frontend->Bind().ok());
  frontend->Start();
  const auto stub = ::inference::GRPCInferenceService::NewStub(Connect(*frontend));
  grpc::ClientContext live_context, ready_context, model_context, infer_context;
  ::inference::ServerLiveResponse live;
  EXPECT_TRUE(stub->ServerLive(&live_context, {}, &live).ok());
  EXPECT_TRUE(live.live());
  ::inference::ServerReadyResponse ready;
  EXPECT_TRUE(stub->ServerReady(&ready_context, {}, &ready).ok());
  EXPECT_FALSE(ready.ready());
  ::inference::ModelReadyResponse model;
  EXPECT_EQ(stub->ModelReady(&model_context, {}, &model).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  ModelInferResponse response;
  const grpc::Status status = stub->ModelInfer(&infer_context, Fp32Request("m", {1}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(status.error_message().find("starting"), std::string::npos);
  frontend->Shutdown(parts.clock.Now() + 10s);
}

TEST(RpcFrontend, ServesWhileDrainingAndRefusesAfterwards) {
  LocalServer server(SharedEngine());
  const auto infer = [&server] {
    grpc::ClientContext context;
    ModelInferResponse response;
    return server.stub().ModelInfer(&context, Fp32Request("scale", {1, 2, 3, 4}), &response);
  };
  const auto live = [&server] {
    grpc::ClientContext context;
    ::inference::ServerLiveResponse response;
    return server.stub().ServerLive(&context, {}, &response);
  };
  server.state().BeginDrain();
  server.frontend().BeginDrain();
  EXPECT_TRUE(infer().ok());
  EXPECT_TRUE(live().ok());
  grpc::ClientContext ready_context;
  ::inference::ServerReadyResponse ready;
  EXPECT_TRUE(server.stub().ServerReady(&ready_context, {}, &ready).ok());
  EXPECT_FALSE(ready.ready());
  server.state().BeginExit();
  const grpc::Status refused = infer();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(refused.error_message(), "Server exiting");
  EXPECT_EQ(live().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(RpcFrontend, AnswersWhatRunsBeforeItEnds) {
  LocalEngine engine({"tests/data/models/scale"});
  LocalServer server(engine);
  constexpr int kCalls = 10;
  std::vector<std::future<grpc::Status>> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(std::async(std::launch::async, [&server] {
      grpc::ClientContext context;
      ModelInferResponse response;
      return server.stub().ModelInfer(&context, Fp32Request("scale", {1, 2, 3, 4}), &response);
    }));
  }
  WaitUntil([&] { return engine.engine().inflight() == kCalls; });
  std::jthread shutdown([&] { server.frontend().Shutdown(engine.clock().Now() + 60s); });
  engine.RunDevice();
  for (auto& call : calls) {
    const grpc::Status status = call.get();
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
}

TEST(RpcFrontend, CancelsWhatIsLeftAtTheDeadline) {
  LocalEngine engine({"tests/data/models/scale"});
  LocalServer server(engine);
  auto call = std::async(std::launch::async, [&server] {
    grpc::ClientContext context;
    ModelInferResponse response;
    return server.stub().ModelInfer(&context, Fp32Request("scale", {1, 2, 3, 4}), &response);
  });
  WaitUntil([&] { return engine.engine().inflight() == 1; });
  server.frontend().Shutdown(engine.clock().Now());  // the device does not run at all
  EXPECT_FALSE(call.get().ok());
  engine.RunDevice();  // its answer finds nobody
  WaitUntil([&] { return engine.engine().inflight() == 0; });
}

TEST(RpcFrontend, EndsIdleStreamsAtOnce) {
  LocalServer server(SharedEngine());
  grpc::ClientContext context;
  const auto stream = server.stub().ModelStreamInfer(&context);
  ::inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Write(Fp32Request("scale", {1, 2, 3, 4})));
  ASSERT_TRUE(stream->Read(&response));
  const auto before = SharedEngine().clock().Now();
  server.frontend().Shutdown(before + 60s);
  EXPECT_LT(SharedEngine().clock().Now() - before, 30s);
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(status.error_message().find("GRPC server is shutting down"), std::string::npos);
}

TEST(RpcFrontend, DropsRequestsWhoseClientHasGone) {
  LocalEngine engine({"tests/data/models/scale"});
  LocalServer server(engine);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 200ms);
  ModelInferResponse response;
  const grpc::Status status =
      server.stub().ModelInfer(&context, Fp32Request("scale", {1, 2, 3, 4}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const auto model = engine.metrics().FindModel("scale", 3);
  WaitUntil([&] {
    return model->ReadLatencies().count(
               {telemetry::Protocol::kGrpc, base::StatusCode::kCancelled}) > 0;
  });
  engine.RunDevice();
  WaitUntil([&] { return engine.engine().inflight() == 0; });
  EXPECT_EQ(model->failures(telemetry::FailureReason::kCanceled), 1U);
  EXPECT_EQ(model->success.value(), 0U);
}

TEST(RpcFrontend, BooksMessagesInTheBudget) {
  // gRPC frees a message's memory when it likes: the budget outlives the server's threads.
  static net::MemoryBudget budget(100'000);
  LocalServer server(SharedEngine(), {}, &budget);
  const auto infer = [&server](std::size_t elements) {
    grpc::ClientContext context;
    ModelInferResponse response;
    const grpc::Status status = server.stub().ModelInfer(
        &context, Fp32Request("identity_fp32", std::vector<float>(elements, 1.0F)), &response);
    const bool retry = context.GetServerTrailingMetadata().count("retry-after") > 0;
    EXPECT_EQ(retry, !status.ok());
    return status;
  };
  EXPECT_TRUE(infer(10'000).ok());
  const grpc::Status status = infer(30'000);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("--request-memory-budget"), std::string::npos);
  EXPECT_TRUE(infer(10'000).ok());
  WaitUntil([&] { return budget.used_bytes() == 0; });
}

TEST(RpcFrontend, ServesManyClientsAtOnce) {
  RpcFrontend::Options options;
  options.infer_threads = 3;
  LocalServer server(SharedEngine(), options);
  std::vector<std::jthread> clients;
  std::atomic<int> good = 0;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&server, &good, c] {
      const auto stub = ::inference::GRPCInferenceService::NewStub(Connect(server.frontend()));
      for (int i = 0; i < 25; ++i) {
        grpc::ClientContext context;
        ModelInferResponse response;
        const float value = static_cast<float>(100 * c + i);
        const grpc::Status status =
            stub->ModelInfer(&context, Fp32Request("scale", {value, 0, 0, 0}), &response);
        if (status.ok() && Floats(response.raw_output_contents(0))[0] == 3 * value) ++good;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(good.load(), 200);
}

TEST(RpcFrontend, CompressesWhenAskedTo) {
  RpcFrontend::Options options;
  options.compression = RpcFrontend::Compression::kHigh;
  LocalServer server(SharedEngine(), options);
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);  // the request is compressed too
  ModelInferResponse response;
  const std::vector<float> values(10'000, 1.0F);
  const grpc::Status status =
      server.stub().ModelInfer(&context, Fp32Request("identity_fp32", values), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Floats(response.raw_output_contents(0)), values);
}

}  // namespace
}  // namespace hadron::protocol::rpc
