#include <gtest/gtest.h>

#include "health.grpc.pb.h"
#include "local_server.h"

namespace hadron::protocol::rpc {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus Check(LocalServer& server, const std::string& service) {
  const auto stub = Health::NewStub(server.channel());
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.status();
}

TEST(Health, SaysWhetherTheServerIsReady) {
  LocalServer server(SharedEngine());
  EXPECT_EQ(Check(server, ""), HealthCheckResponse::SERVING);
  EXPECT_EQ(Check(server, "inference.GRPCInferenceService"), HealthCheckResponse::SERVING);
  server.state().BeginDrain();
  EXPECT_EQ(Check(server, ""), HealthCheckResponse::NOT_SERVING);
  server.state().BeginExit();
  EXPECT_EQ(Check(server, ""), HealthCheckResponse::NOT_SERVING);
}

TEST(Health, TellsWatchersWhatChanges) {
  LocalServer server(SharedEngine());
  const auto stub = Health::NewStub(server.channel());
  grpc::ClientContext context;
  const auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  server.state().BeginDrain();
  server.frontend().BeginDrain();
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  server.frontend().Shutdown(SharedEngine().clock().Now() + std::chrono::seconds(20));
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_TRUE(watch->Finish().ok());
}

TEST(Health, NoticesChangesByItself) {
  LocalServer server(SharedEngine());
  const auto stub = Health::NewStub(server.channel());
  grpc::ClientContext context;
  const auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  server.state().BeginDrain();
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

TEST(Health, LetsWatchersGo) {
  LocalServer server(SharedEngine());
  const auto stub = Health::NewStub(server.channel());
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    const auto watch = stub->Watch(&context, HealthCheckRequest());
    HealthCheckResponse response;
    ASSERT_TRUE(watch->Read(&response));
    context.TryCancel();
    EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_EQ(Check(server, ""), HealthCheckResponse::SERVING);
}

}  // namespace
}  // namespace hadron::protocol::rpc
