#include "hadron/client.h"

#include <string_view>

#include "cpp/transport.h"

namespace hadron::client {

Result<std::unique_ptr<Client>> Client::Create(const Options& options) {
  std::string_view url = options.url;
  while (url.ends_with('/')) url.remove_suffix(1);
  if (url.starts_with("http://") || url.starts_with("https://")) {
    auto headers = CheckHeaders(options.headers, false);
    if (!headers.ok()) return ToError(ErrorCode::kInvalidArgument, std::move(headers).status());
    return std::make_unique<Client>(
        MakeRestTransport(std::string(url), options.timeout, std::move(headers).value()));
  }
  static constexpr std::string_view kGrpc = "grpc://";
  if (url.starts_with(kGrpc) && url.size() > kGrpc.size()) {
    url.remove_prefix(kGrpc.size());
    auto headers = CheckHeaders(options.headers, true);
    if (!headers.ok()) return ToError(ErrorCode::kInvalidArgument, std::move(headers).status());
    return std::make_unique<Client>(
        MakeGrpcTransport(std::string(url), options.timeout, std::move(headers).value()));
  }
  return Error{.code = ErrorCode::kInvalidArgument,
               .status = 0,
               .message = "'" + options.url +
                          "' is no server address; write http://HOST:PORT or grpc://HOST:PORT"};
}

Client::Client(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
Client::~Client() = default;

Result<bool> Client::ServerLive() { return transport_->ServerLive(); }
Result<bool> Client::ServerReady() { return transport_->ServerReady(); }
Result<bool> Client::ModelReady(const std::string& model, const std::string& version) {
  return transport_->ModelReady(model, version);
}
Result<ServerMetadata> Client::GetServerMetadata() { return transport_->GetServerMetadata(); }
Result<ModelMetadata> Client::GetModelMetadata(const std::string& model,
                                               const std::string& version) {
  return transport_->GetModelMetadata(model, version);
}
Result<std::string> Client::GetModelConfig(const std::string& model, const std::string& version) {
  return transport_->GetModelConfig(model, version);
}
Result<std::vector<ModelIndexEntry>> Client::GetRepositoryIndex() {
  return transport_->GetRepositoryIndex();
}
Result<std::vector<ModelStatistics>> Client::GetStatistics(const std::string& model,
                                                           const std::string& version) {
  return transport_->GetStatistics(model, version);
}
Result<InferResponse> Client::Infer(const InferRequest& request) {
  return transport_->Infer(request);
}
Result<Done> Client::LoadModel(const std::string& model, const std::string& config) {
  return transport_->LoadModel(model, config);
}
Result<Done> Client::UnloadModel(const std::string& model) {
  return transport_->UnloadModel(model);
}
Result<std::string> Client::GetServerStatus() { return transport_->GetServerStatus(); }
Result<std::string> Client::ExplainModel(const std::string& model) {
  return transport_->ExplainModel(model);
}
Result<std::string> Client::PlanModels(const std::vector<std::string>& models) {
  return transport_->PlanModels(models);
}
Result<std::string> Client::GetAccount(const AccountQuery& query) {
  return transport_->GetAccount(query);
}
Result<Done> Client::ChangeResidency(const std::string& model, ResidencyChange change) {
  return transport_->ChangeResidency(model, change);
}

}  // namespace hadron::client
