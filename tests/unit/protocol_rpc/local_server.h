#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backend/kernel.h"
#include "base/clock.h"
#include "base/executor.h"
#include "device/device.h"
#include "grpc_service.grpc.pb.h"
#include "model/model_manager.h"
#include "model/version_loader.h"
#include "plan/lane.h"
#include "protocol/rpc_frontend.h"
#include "serving/device_scheduler.h"
#include "serving/inference_engine.h"
#include "storage/object_store.h"
#include "telemetry/metrics.h"

namespace hadron::protocol::rpc {

/// Everything below the protocols, in this process: a repository made of models of the source tree,
/// the native CPU with one lane, an engine. Requests wait until RunDevice().
class LocalEngine final : public model::ModelManager::Observer {
 public:
  /// Paths relative to the source tree: "model_repo/simple".
  explicit LocalEngine(const std::vector<std::string>& models);
  ~LocalEngine() override;

  /// From now on requests are run. Idempotent.
  void RunDevice();
  model::ModelManager& manager() { return *manager_; }
  serving::InferenceEngine& engine() { return *engine_; }
  telemetry::Metrics& metrics() { return metrics_; }
  const base::Clock& clock() const { return clock_; }

 private:
  void OnReady(const model::ModelHandle& version) override { scheduler_->Add(version); }
  void OnGone(const model::ModelVersion& version, base::Task released) override {
    scheduler_->Remove(version, std::move(released));
  }
  void CopyModels(const std::vector<std::string>& models);
  void Load();

  base::SystemClock clock_;
  telemetry::Metrics metrics_{{}, clock_};
  std::string repository_;
  std::unique_ptr<storage::ObjectStore> store_;
  std::unique_ptr<device::Device> device_;
  backend::KernelRegistry kernels_;
  base::TaskQueue control_queue_;
  base::TaskQueue load_queue_;
  base::TaskQueue lane_queue_;
  std::jthread control_thread_;
  std::jthread load_thread_;
  std::jthread lane_thread_;
  std::unique_ptr<model::ResidencyManager> residency_;
  std::unique_ptr<model::VersionLoader> loader_;
  std::unique_ptr<plan::Lane> lane_;
  std::unique_ptr<serving::DeviceScheduler> scheduler_;
  std::unique_ptr<model::ModelManager> manager_;
  std::unique_ptr<serving::InferenceEngine> engine_;
  std::jthread device_thread_;
};

/// A frontend on a free port before a LocalEngine, and a channel to it.
class LocalServer {
 public:
  explicit LocalServer(LocalEngine& engine, RpcFrontend::Options options = {},
                       net::MemoryBudget* budget = nullptr);
  ~LocalServer();

  RpcFrontend& frontend() { return *frontend_; }
  ServerState& state() { return state_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  ::inference::GRPCInferenceService::Stub& stub() { return *stub_; }
  void Attach() { frontend_->Attach(engine_.manager(), engine_.engine()); }

 private:
  LocalEngine& engine_;
  ServerState state_{{"hadron", "1.2.3", ServerState::ImplementedExtensions()}, true};
  std::unique_ptr<RpcFrontend> frontend_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<::inference::GRPCInferenceService::Stub> stub_;
};

/// The engine that tests share which only want answers; its device runs.
LocalEngine& SharedEngine();

/// Returns once `condition` holds; fails the test after half a minute. For what another thread is
/// known to bring about and has no event for.
void WaitUntil(const std::function<bool()>& condition);

/// A request for model_repo/identity_fp32 or tests/data/models/scale with one raw FP32 input.
::inference::ModelInferRequest Fp32Request(const std::string& model,
                                           const std::vector<float>& values);
std::vector<float> Floats(const std::string& raw);

}  // namespace hadron::protocol::rpc
