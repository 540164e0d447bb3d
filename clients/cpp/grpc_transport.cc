#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include "cpp/grpc_codec.h"
#include "cpp/transport.h"
#include "grpc_service.grpc.pb.h"

namespace hadron::client {
namespace {

using Stub = ::inference::GRPCInferenceService::Stub;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(std::string target, std::chrono::milliseconds timeout, CallHeaders headers)
      : target_(std::move(target)),
        timeout_(timeout),
        headers_(std::move(headers)),
        channel_(MakeChannel(target_)),
        stub_(::inference::GRPCInferenceService::NewStub(channel_)) {}

  Result<bool> ServerLive() override {
    const auto answer = Call(&Stub::ServerLive, ::inference::ServerLiveRequest());
    if (!answer) return answer.error();
    return answer->live();
  }
  Result<bool> ServerReady() override {
    const auto answer = Call(&Stub::ServerReady, ::inference::ServerReadyRequest());
    if (!answer) return answer.error();
    return answer->ready();
  }
  Result<bool> ModelReady(const std::string& model, const std::string& version) override {
    const auto answer =
        Call(&Stub::ModelReady, Named<::inference::ModelReadyRequest>(model, version));
    if (!answer) return answer.error();
    return answer->ready();
  }

  Result<ServerMetadata> GetServerMetadata() override {
    const auto answer = Call(&Stub::ServerMetadata, ::inference::ServerMetadataRequest());
    if (!answer) return answer.error();
    return ServerMetadata{answer->name(),
                          answer->version(),
                          {answer->extensions().begin(), answer->extensions().end()}};
  }
  Result<ModelMetadata> GetModelMetadata(const std::string& model,
                                         const std::string& version) override {
    const auto answer =
        Call(&Stub::ModelMetadata, Named<::inference::ModelMetadataRequest>(model, version));
    if (!answer) return answer.error();
    return rpc::DecodeMetadata(*answer);
  }
  Result<std::string> GetModelConfig(const std::string& model,
                                     const std::string& version) override {
    const auto answer =
        Call(&Stub::ModelConfig, Named<::inference::ModelConfigRequest>(model, version));
    if (!answer) return answer.error();
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string json;
    const auto status =
        google::protobuf::util::MessageToJsonString(answer->config(), &json, options);
    if (!status.ok()) return BadAnswer(status.ToString());
    return json;
  }

  Result<std::vector<ModelIndexEntry>> GetRepositoryIndex() override {
    const auto answer = Call(&Stub::RepositoryIndex, ::inference::RepositoryIndexRequest());
    if (!answer) return answer.error();
    std::vector<ModelIndexEntry> entries;
    for (const auto& model : answer->models()) {
      entries.push_back({model.name(), model.version(), model.state(), model.reason()});
    }
    return entries;
  }
  Result<std::vector<ModelStatistics>> GetStatistics(const std::string& model,
                                                     const std::string& version) override {
    const auto answer =
        Call(&Stub::ModelStatistics, Named<::inference::ModelStatisticsRequest>(model, version));
    if (!answer) return answer.error();
    std::vector<ModelStatistics> statistics;
    for (const auto& entry : answer->model_stats()) {
      statistics.push_back(rpc::DecodeStatistics(entry));
    }
    return statistics;
  }

  Result<InferResponse> Infer(const InferRequest& request) override {
    auto message = rpc::EncodeInfer(request);
    if (!message.ok()) return ToError(ErrorCode::kInvalidArgument, std::move(message).status());
    const auto answer = Call(&Stub::ModelInfer, *message);
    if (!answer) return answer.error();
    auto response = rpc::DecodeInfer(*answer);
    if (!response.ok()) return BadAnswer(response.message());
    return std::move(response).value();
  }

  Result<Done> LoadModel(const std::string& model, const std::string& config) override {
    ::inference::RepositoryModelLoadRequest request;
    request.set_model_name(model);
    if (!config.empty()) (*request.mutable_parameters())["config"].set_string_param(config);
    const auto answer = Call(&Stub::RepositoryModelLoad, request);
    if (!answer) return answer.error();
    return Done();
  }
  Result<Done> UnloadModel(const std::string& model) override {
    ::inference::RepositoryModelUnloadRequest request;
    request.set_model_name(model);
    const auto answer = Call(&Stub::RepositoryModelUnload, request);
    if (!answer) return answer.error();
    return Done();
  }
  Result<std::string> GetServerStatus() override { return RestOnly(); }
  Result<std::string> ExplainModel(const std::string&) override { return RestOnly(); }
  Result<std::string> PlanModels(const std::vector<std::string>&) override { return RestOnly(); }
  Result<std::string> GetAccount(const AccountQuery&) override { return RestOnly(); }
  Result<Done> ChangeResidency(const std::string&, ResidencyChange) override { return RestOnly(); }

 private:
  Error RestOnly() const {
    return {.code = ErrorCode::kInvalidArgument,
            .status = 0,
            .message = fmt::format(
                "this is answered over REST only: give http://HOST:PORT instead of grpc://{}",
                target_)};
  }

  template <typename Request>
  static Request Named(const std::string& model, const std::string& version) {
    Request request;
    request.set_name(model);
    request.set_version(version);
    return request;
  }

  template <typename Request, typename Response>
  Result<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        const Request& request) {
    const auto deadline = std::chrono::system_clock::now() + timeout_;
    if (!connected_) {
      // An UNAVAILABLE from the server and one for want of it read alike, so this comes first.
      connected_ = channel_->WaitForConnected(deadline);
      if (!connected_) return Unreachable("no connection");
    }
    grpc::ClientContext context;
    context.set_deadline(deadline);
    for (const auto& [name, value] : headers_) context.AddMetadata(name, value);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (status.ok()) return response;
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return Unreachable("no answer");
    }
    return Error{.code = ErrorCode::kServer,
                 .status = status.error_code(),
                 .message = status.error_message()};
  }

  Error Unreachable(const char* what) const {
    return {.code = ErrorCode::kUnreachable,
            .status = 0,
            .message = fmt::format("{}: {} within {} ms", target_, what, timeout_.count())};
  }
  Error BadAnswer(const std::string& message) const {
    return {
        .code = ErrorCode::kBadAnswer,
        .status = 0,
        .message = fmt::format("{} does not answer as the V2 protocol says: {}", target_, message)};
  }

  const std::string target_;
  const std::chrono::milliseconds timeout_;
  const CallHeaders headers_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Stub> stub_;
  bool connected_ = false;
};

}  // namespace

std::unique_ptr<Transport> MakeGrpcTransport(const std::string& target,
                                             std::chrono::milliseconds timeout,
                                             CallHeaders headers) {
  return std::make_unique<GrpcTransport>(target, timeout, std::move(headers));
}

}  // namespace hadron::client
