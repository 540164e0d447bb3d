#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cpp/call_headers.h"
#include "hadron/client.h"

namespace hadron::client {

/// What a Client can ask, over one protocol. Same contract as Client. Not thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Result<bool> ServerLive() = 0;
  virtual Result<bool> ServerReady() = 0;
  virtual Result<bool> ModelReady(const std::string& model, const std::string& version) = 0;
  virtual Result<ServerMetadata> GetServerMetadata() = 0;
  virtual Result<ModelMetadata> GetModelMetadata(const std::string& model,
                                                 const std::string& version) = 0;
  virtual Result<std::string> GetModelConfig(const std::string& model,
                                             const std::string& version) = 0;
  virtual Result<std::vector<ModelIndexEntry>> GetRepositoryIndex() = 0;
  virtual Result<std::vector<ModelStatistics>> GetStatistics(const std::string& model,
                                                             const std::string& version) = 0;
  virtual Result<InferResponse> Infer(const InferRequest& request) = 0;
  virtual Result<Done> LoadModel(const std::string& model, const std::string& config) = 0;
  virtual Result<Done> UnloadModel(const std::string& model) = 0;
  virtual Result<std::string> GetServerStatus() = 0;
  virtual Result<std::string> ExplainModel(const std::string& model) = 0;
  virtual Result<std::string> PlanModels(const std::vector<std::string>& models) = 0;
  virtual Result<std::string> GetAccount(const AccountQuery& query) = 0;
  virtual Result<Done> ChangeResidency(const std::string& model, ResidencyChange change) = 0;
};

/// `base_url` is "http://host:port" without a slash at the end. Headers have been checked.
std::unique_ptr<Transport> MakeRestTransport(const std::string& base_url,
                                             std::chrono::milliseconds timeout,
                                             CallHeaders headers);
/// `target` is "host:port".
std::unique_ptr<Transport> MakeGrpcTransport(const std::string& target,
                                             std::chrono::milliseconds timeout,
                                             CallHeaders headers);

/// A failure of ours as the public type.
inline Error ToError(ErrorCode code, const base::Status& status) {
  return {.code = code, .status = 0, .message = status.message()};
}

}  // namespace hadron::client
