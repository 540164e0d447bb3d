#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "model/model_manager.h"
#include "model/residency_manager.h"
#include "net/http_server.h"
#include "net/memory_budget.h"
#include "protocol/access_rules.h"
#include "protocol/activity.h"
#include "protocol/caller.h"
#include "protocol/server_state.h"
#include "serving/inference_engine.h"
#include "telemetry/metrics.h"
#include "tenancy/ledger.h"

namespace hadron::protocol {

/// A device as the server's status shows it.
struct DeviceStatus {
  std::string id;
  std::string name;
  std::string kind;  ///< what decides the bytes of its results: "x86-64 avx512"
  std::uint64_t memory_total = 0;
  std::uint64_t budget = 0;
  std::uint64_t reserved = 0;
  double busy_ratio = 0;
};

/// The V2 protocol over HTTP: a server with its threads, codecs and handlers. Live and not ready
/// from Start() on; calls that need models are answered 503 until Attach().
///
/// Life: Create -> Bind -> Start -> Attach -> StopAccepting -> Stop. For the one thread that owns
/// it.
///
///     HADRON_ASSIGN_OR_RETURN(auto rest, RestFrontend::Create(options, {&state, &clock,
///     &budget})); HADRON_RETURN_IF_ERROR(rest->Bind());
class RestFrontend {
 public:
  struct Options {
    net::HttpServerOptions http;
    std::uint64_t max_input_bytes = 67108864;  ///< --http-max-input-size
    AccessRules access{};
  };
  /// All outlive the frontend.
  struct Services {
    const ServerState* state = nullptr;
    const base::Clock* clock = nullptr;
    net::MemoryBudget* request_memory = nullptr;
    const ActivityMeter* activity = nullptr;                  ///< null: the status has no rates
    model::ResidencyManager* residency = nullptr;             ///< null: nothing is told of it
    std::function<std::vector<DeviceStatus>()> devices = {};  ///< any thread, at once
    CallerRules callers = {};
    const tenancy::Ledger* ledger = nullptr;  ///< null: there are no accounts to tell of
    base::Executor* disk = nullptr;           ///< where the ledger is read; ends after Stop()
  };

  static base::StatusOr<std::unique_ptr<RestFrontend>> Create(Options options, Services services);
  class Handler;
  RestFrontend(std::unique_ptr<Handler> handler, std::unique_ptr<net::HttpServer> server);
  ~RestFrontend();

  base::Status Bind() { return server_->Bind(); }
  std::uint16_t port() const { return server_->port(); }
  void Start() { server_->Start(); }
  /// From now on model calls are answered; both outlive the frontend.
  void Attach(model::ModelManager& models, serving::InferenceEngine& engine);
  /// New connections are refused, answers close theirs.
  void StopAccepting() { server_->StopAccepting(); }
  /// See HttpServer::WaitForAnswers.
  bool WaitForAnswers(base::TimePoint until) const { return server_->WaitForAnswers(until); }
  void Stop() { server_->Stop(); }
  std::size_t connections() const { return server_->connections(); }

 private:
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<net::HttpServer> server_;
};

/// `GET /metrics` on a listener and a thread of its own, so that it answers while inference is
/// saturated and while the server drains. Same life as RestFrontend.
class MetricsFrontend {
 public:
  /// `metrics` outlives the frontend.
  static base::StatusOr<std::unique_ptr<MetricsFrontend>> Create(net::HttpServerOptions options,
                                                                 telemetry::Metrics& metrics);
  class Handler;
  MetricsFrontend(std::unique_ptr<Handler> handler, std::unique_ptr<net::HttpServer> server);
  ~MetricsFrontend();

  base::Status Bind() { return server_->Bind(); }
  std::uint16_t port() const { return server_->port(); }
  void Start() { server_->Start(); }
  void Stop() { server_->Stop(); }
  std::size_t connections() const { return server_->connections(); }

 private:
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace hadron::protocol
