#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "health.grpc.pb.h"
#include "local_server.h"

namespace hadron::protocol::rpc {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using testing::HasSubstr;

constexpr char kKey[] = "triton-grpc-protocol-key";

RpcFrontend::Options Restricted(AdminAccess admin, const std::vector<std::string>& settings) {
  auto rules = AccessRules::Make(AccessRules::Door::kGrpc, admin, settings);
  EXPECT_TRUE(rules.ok());
  RpcFrontend::Options options;
  options.access = *std::move(rules);
  return options;
}

void ShowKey(grpc::ClientContext& context, bool show) {
  if (show) context.AddMetadata(kKey, "right");
}

grpc::Status Infer(LocalServer& server, bool show_key) {
  grpc::ClientContext context;
  ShowKey(context, show_key);
  ::inference::ModelInferResponse response;
  return server.stub().ModelInfer(&context, Fp32Request("identity_fp32", {1, 2}), &response);
}

grpc::Status InferByStream(LocalServer& server, bool show_key) {
  grpc::ClientContext context;
  ShowKey(context, show_key);
  const auto stream = server.stub().ModelStreamInfer(&context);
  stream->Write(Fp32Request("identity_fp32", {1, 2}));
  stream->WritesDone();
  ::inference::ModelStreamInferResponse response;
  while (stream->Read(&response)) EXPECT_EQ(response.error_message(), "");
  return stream->Finish();
}

grpc::Status Load(LocalServer& server, bool show_key) {
  grpc::ClientContext context;
  ShowKey(context, show_key);
  ::inference::RepositoryModelLoadRequest request;
  request.set_model_name("identity_fp32");
  ::inference::RepositoryModelLoadResponse response;
  return server.stub().RepositoryModelLoad(&context, request, &response);
}

grpc::Status CheckHealth(LocalServer& server, bool show_key) {
  grpc::ClientContext context;
  ShowKey(context, show_key);
  HealthCheckResponse response;
  return Health::NewStub(server.channel())->Check(&context, HealthCheckRequest(), &response);
}

grpc::Status WatchHealth(LocalServer& server, bool show_key) {
  grpc::ClientContext context;
  ShowKey(context, show_key);
  const auto watch = Health::NewStub(server.channel())->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  if (watch->Read(&response)) context.TryCancel();
  return watch->Finish();
}

void ExpectRestricted(const grpc::Status& status) {
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(),
            std::string("This protocol is restricted, expecting header '") + kKey + "'");
}

TEST(GrpcAccess, RestrictedProtocolsNeedTheirMetadata) {
  LocalServer server(SharedEngine(),
                     Restricted(AdminAccess::kLoopback, {"inference,health:key=right"}));
  SharedEngine().RunDevice();
  ExpectRestricted(Infer(server, false));
  EXPECT_TRUE(Infer(server, true).ok());
  ExpectRestricted(InferByStream(server, false));
  EXPECT_TRUE(InferByStream(server, true).ok());
  ExpectRestricted(CheckHealth(server, false));
  EXPECT_TRUE(CheckHealth(server, true).ok());
  ExpectRestricted(WatchHealth(server, false));
  EXPECT_EQ(WatchHealth(server, true).error_code(), grpc::StatusCode::CANCELLED);
  grpc::ClientContext context;
  ::inference::ServerMetadataResponse metadata;
  EXPECT_TRUE(server.stub().ServerMetadata(&context, {}, &metadata).ok());
}

TEST(GrpcAccess, ChangesNeedAdminAccess) {
  LocalServer shut(SharedEngine(), Restricted(AdminAccess::kOff, {}));
  const grpc::Status refused = Load(shut, true);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), HasSubstr("--admin-access"));
  grpc::ClientContext context;
  ::inference::SystemSharedMemoryRegisterResponse registered;
  EXPECT_EQ(shut.stub().SystemSharedMemoryRegister(&context, {}, &registered).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  // Who shows the header of the group passes this check, and meets the next one.
  LocalServer keyed(SharedEngine(), Restricted(AdminAccess::kOff, {"model-repository:key=right"}));
  ExpectRestricted(Load(keyed, false));
  EXPECT_THAT(Load(keyed, true).error_message(), HasSubstr("explicit model load / unload"));
}

}  // namespace
}  // namespace hadron::protocol::rpc
