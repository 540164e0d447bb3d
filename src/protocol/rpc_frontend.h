#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "model/model_manager.h"
#include "net/memory_budget.h"
#include "protocol/access_rules.h"
#include "protocol/caller.h"
#include "protocol/server_state.h"
#include "serving/inference_engine.h"
#include "telemetry/metrics.h"

namespace hadron::protocol {

/// The gRPC door: GRPCInferenceService and the standard health service on one port. Inference runs
/// on threads of its own, one completion queue each, and never puts a tensor into a protobuf
/// message; everything else is answered on gRPC's threads.
///
/// Live and not ready from Start() on; calls that need models are answered UNAVAILABLE until
/// Attach().
///
/// Life: Create -> Bind -> Start -> Attach -> BeginDrain -> Shutdown. For the one thread that owns
/// it. gRPC starts threads of its own in Bind: signals must be blocked before.
///
///     HADRON_ASSIGN_OR_RETURN(auto rpc, RpcFrontend::Create(options, {&state, &clock, &metrics}));
///     HADRON_RETURN_IF_ERROR(rpc->Bind());
///     rpc->Start();
///     rpc->Attach(manager, engine);
///     ...
///     rpc->Shutdown(clock.Now() + 30s);
class RpcFrontend {
 public:
  enum class Compression : std::uint8_t { kNone, kLow, kMedium, kHigh };

  /// Contents of PEM files.
  struct Tls {
    std::string certificate;
    std::string key;
    std::string client_root;  ///< not empty: clients must show a certificate signed by it
  };

  /// Plain numbers of the options named --grpc-...; times in milliseconds.
  struct Options {
    std::string address = "0.0.0.0";  ///< IPv4 or IPv6 literal, brackets allowed
    std::uint16_t port = 8001;        ///< 0 = any free one
    bool reuse_port = false;
    int infer_threads = 2;
    AccessRules access{};
    Compression compression = Compression::kNone;
    bool reflection = false;  ///< once on, on for every later frontend of the process
    std::optional<Tls> tls;
    std::uint64_t request_memory_budget = 0;  ///< what gRPC may hold of its own, 0 = no limit
    int max_concurrent_streams = 1000;
    int keepalive_time_ms = 7'200'000;
    int keepalive_timeout_ms = 20'000;
    bool keepalive_permit_without_calls = false;
    int max_pings_without_data = 2;
    int min_ping_interval_without_data_ms = 300'000;
    int max_ping_strikes = 2;
    std::optional<int> max_connection_age_ms;
    std::optional<int> max_connection_age_grace_ms;
  };

  /// All outlive the frontend.
  struct Services {
    const ServerState* state = nullptr;
    const base::Clock* clock = nullptr;
    telemetry::ServerMetrics* metrics = nullptr;
    net::MemoryBudget* request_memory = nullptr;  ///< may be null
    CallerRules callers = {};
  };

  /// INVALID_ARGUMENT for options that make no sense.
  static base::StatusOr<std::unique_ptr<RpcFrontend>> Create(Options options, Services services);
  class Impl;
  explicit RpcFrontend(std::unique_ptr<Impl> impl);  ///< through Create
  ~RpcFrontend();

  /// Takes the port. Fails with the texts of net::ListenFailure.
  base::Status Bind();
  /// The port taken; 0 before Bind.
  std::uint16_t port() const;
  /// Starts the threads and answers.
  void Start();
  /// From now on model calls are answered; both outlive the frontend.
  void Attach(model::ModelManager& models, serving::InferenceEngine& engine);

  /// Tells the watchers of the health service at once how things stand; call it after
  /// ServerState::BeginDrain. Requests are still served.
  void BeginDrain();
  /// Accepts nothing new, lets what runs end until `deadline` (streams end after the answers to
  /// what they have sent), cancels the rest, joins the threads. Called by the destructor too.
  /// Idempotent.
  void Shutdown(base::TimePoint deadline);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::protocol
