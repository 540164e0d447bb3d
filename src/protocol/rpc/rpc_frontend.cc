#include "protocol/rpc_frontend.h"

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "net/listen_error.h"
#include "protocol/rpc/health_service.h"
#include "protocol/rpc/infer_call.h"
#include "protocol/rpc/inference_service.h"
#include "protocol/rpc/listen_probe.h"
#include "protocol/rpc/rpc_worker.h"
#include "protocol/rpc/stream_call.h"

namespace hadron::protocol {
namespace {

constexpr int kMaxThreads = 256;
/// Calls that wait for a request on each queue. A request that finds none waits inside gRPC, and
/// would be lost by a shutdown.
constexpr int kWaitingInfer = 32;
constexpr int kWaitingStreams = 4;

/// gRPC's own complaints go where ours go.
void LogFromGrpc(gpr_log_func_args* args) {
  base::LogWarning("grpc", {{"text", std::string(args->message)},
                            {"file", std::string(args->file)},
                            {"line", args->line}});
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const std::optional<RpcFrontend::Tls>& tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(
      tls->client_root.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                               : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls->client_root;
  options.pem_key_cert_pairs.push_back({tls->key, tls->certificate});
  return grpc::SslServerCredentials(options);
}

void AddArguments(const RpcFrontend::Options& options, grpc::ServerBuilder& builder) {
  const auto add = [&builder](const char* name, int value) {
    builder.AddChannelArgument(name, value);
  };
  builder.SetMaxReceiveMessageSize(std::numeric_limits<std::int32_t>::max());
  builder.SetMaxSendMessageSize(std::numeric_limits<std::int32_t>::max());
  add(GRPC_ARG_ALLOW_REUSEPORT, options.reuse_port ? 1 : 0);
  add(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  add(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_time_ms);
  add(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout_ms);
  add(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, options.keepalive_permit_without_calls ? 1 : 0);
  add(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, options.max_pings_without_data);
  add(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      options.min_ping_interval_without_data_ms);
  add(GRPC_ARG_HTTP2_MAX_PING_STRIKES, options.max_ping_strikes);
  if (options.max_connection_age_ms) {
    add(GRPC_ARG_MAX_CONNECTION_AGE_MS, *options.max_connection_age_ms);
  }
  if (options.max_connection_age_grace_ms) {
    add(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, *options.max_connection_age_grace_ms);
  }
}

grpc_compression_level Level(RpcFrontend::Compression compression) {
  switch (compression) {
    case RpcFrontend::Compression::kNone:
      break;
    case RpcFrontend::Compression::kLow:
      return GRPC_COMPRESS_LEVEL_LOW;
    case RpcFrontend::Compression::kMedium:
      return GRPC_COMPRESS_LEVEL_MED;
    case RpcFrontend::Compression::kHigh:
      return GRPC_COMPRESS_LEVEL_HIGH;
  }
  return GRPC_COMPRESS_LEVEL_NONE;
}

/// gRPC wants wall-clock time.
std::chrono::system_clock::time_point WallTime(base::TimePoint when) {
  const auto left = when - std::chrono::steady_clock::now();
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(left);
}

}  // namespace

class RpcFrontend::Impl {
 public:
  Impl(Options options, Services services)
      : options_(std::move(options)), backend_(services, options_.access) {}

  base::Status Bind();
  std::uint16_t port() const { return port_; }
  void Start();
  void Attach(model::ModelManager& models, serving::InferenceEngine& engine);
  void BeginDrain() { health_.Refresh(); }
  void Shutdown(base::TimePoint deadline);

 private:
  void StartThread(std::size_t index);

  const Options options_;
  rpc::Backend backend_;
  rpc::InferenceService service_{backend_};
  rpc::HealthService health_{backend_};
  std::vector<std::unique_ptr<rpc::RpcWorker>> workers_;
  std::unique_ptr<grpc::Server> server_;  ///< dies before what it serves
  std::uint16_t port_ = 0;
  std::vector<std::jthread> threads_;
};

base::Status RpcFrontend::Impl::Bind() {
  HADRON_RETURN_IF_ERROR(rpc::ProbeListen(options_.address, options_.port, options_.reuse_port));
  gpr_set_log_function(LogFromGrpc);
  if (options_.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  const std::string where = net::HostPort(options_.address, options_.port);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(where, Credentials(options_.tls), &port);
  AddArguments(options_, builder);
  if (options_.request_memory_budget > 0) {
    grpc::ResourceQuota quota("hadron");
    builder.SetResourceQuota(quota.Resize(options_.request_memory_budget));
  }
  builder.RegisterService(&service_);
  builder.RegisterService(&health_);
  for (int i = 0; i < options_.infer_threads; ++i) {
    workers_.push_back(
        std::make_unique<rpc::RpcWorker>(backend_, service_, builder.AddCompletionQueue(),
                                         rpc::RpcWorker::Settings{Level(options_.compression)}));
  }
  server_ = builder.BuildAndStart();
  if (server_ != nullptr && port > 0) {
    port_ = static_cast<std::uint16_t>(port);
    return {};
  }
  return base::Unavailable(
      fmt::format("cannot listen on {}: the gRPC server did not start; the log says why. Check "
                  "--grpc-address, --grpc-port and the --grpc-server-cert options",
                  where));
}

void RpcFrontend::Impl::Attach(model::ModelManager& models, serving::InferenceEngine& engine) {
  backend_.engine.store(&engine);
  backend_.models.store(&models);
}

void RpcFrontend::Impl::Start() {
  HADRON_CHECK(server_ != nullptr && threads_.empty());
  for (std::size_t i = 0; i < workers_.size(); ++i) StartThread(i);
}

void RpcFrontend::Impl::StartThread(std::size_t index) {
  rpc::RpcWorker& worker = *workers_[index];
  for (int i = 0; i < kWaitingInfer; ++i) rpc::InferCall::Await(worker);
  for (int i = 0; i < kWaitingStreams; ++i) rpc::StreamCall::Await(worker);
  threads_.emplace_back([this, &worker, index] {
    pthread_setname_np(pthread_self(), fmt::format("rpc{}", index).c_str());
    worker.Run([this, index] {
      if (index == 0) health_.Refresh();
    });
  });
}

void RpcFrontend::Impl::Shutdown(base::TimePoint deadline) {
  if (server_ == nullptr) return;
  health_.Close();
  for (const auto& worker : workers_) {
    worker->mailbox()->Post([&worker = *worker] { worker.CloseGently(); });
  }
  server_->Shutdown(WallTime(deadline));
  for (const auto& worker : workers_) worker->Stop();
  if (threads_.empty()) {  // never started: somebody has to empty the queues
    for (const auto& worker : workers_) worker->Run([] {});
  }
  threads_.clear();
  server_.reset();
}

base::StatusOr<std::unique_ptr<RpcFrontend>> RpcFrontend::Create(Options options,
                                                                 Services services) {
  if (options.infer_threads < 1 || options.infer_threads > kMaxThreads) {
    return base::InvalidArgument(fmt::format("--grpc-infer-thread-count is {}; choose 1 to {}",
                                             options.infer_threads, kMaxThreads));
  }
  if (options.address.empty()) {
    return base::InvalidArgument("--grpc-address is empty; 0.0.0.0 listens everywhere");
  }
  return std::make_unique<RpcFrontend>(std::make_unique<Impl>(std::move(options), services));
}

RpcFrontend::RpcFrontend(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

RpcFrontend::~RpcFrontend() { Shutdown(std::chrono::steady_clock::now()); }

base::Status RpcFrontend::Bind() { return impl_->Bind(); }

std::uint16_t RpcFrontend::port() const { return impl_->port(); }

void RpcFrontend::Start() { impl_->Start(); }

void RpcFrontend::Attach(model::ModelManager& models, serving::InferenceEngine& engine) {
  impl_->Attach(models, engine);
}

void RpcFrontend::BeginDrain() { impl_->BeginDrain(); }

void RpcFrontend::Shutdown(base::TimePoint deadline) { impl_->Shutdown(deadline); }

}  // namespace hadron::protocol
