// The server's three doors: REST, gRPC, metrics.
#include <fmt/format.h>

#include <fstream>

#include "base/log.h"
#include "base/strings.h"
#include "server/server.h"
#include "server/version.h"

#ifdef HADRON_HAVE_OPENCL
constexpr const char* kHasOpenCl = "true";
#else
constexpr const char* kHasOpenCl = "false";
#endif

namespace hadron::server {
namespace {

using base::Status;

net::HttpServerOptions RestOptions(const Options& options) {
  net::HttpServerOptions http;
  http.address = options.Text("http-address");
  http.port = options.Port("http-port");
  http.reuse_port = options.Bool("reuse-http-port");
  http.threads = static_cast<unsigned>(options.Uint("http-thread-count"));
  http.max_connections = options.Uint("http-max-connections");
  http.idle_timeout = std::chrono::seconds(options.Uint("http-idle-timeout-secs"));
  http.max_body_bytes = options.Uint("http-max-request-size");
  return http;
}

net::HttpServerOptions MetricsOptions(const Options& options) {
  net::HttpServerOptions http;
  const std::string& address = options.Text("metrics-address");
  http.address = address.empty() ? options.Text("http-address") : address;
  http.port = options.Port("metrics-port");
  http.option = "--metrics";
  http.thread_name = "metrics";
  return http;
}

protocol::AdminAccess Access(const Options& options) {
  const std::string& access = options.Text("admin-access");
  if (access == "open") return protocol::AdminAccess::kOpen;
  return access == "off" ? protocol::AdminAccess::kOff : protocol::AdminAccess::kLoopback;
}

protocol::RpcFrontend::Options RpcOptions(const Options& options) {
  const auto number = [&](const char* name) { return static_cast<int>(options.Uint(name)); };
  protocol::RpcFrontend::Options rpc;
  rpc.address = options.Text("grpc-address");
  rpc.port = options.Port("grpc-port");
  rpc.reuse_port = options.Bool("reuse-grpc-port");
  rpc.infer_threads = number("grpc-infer-thread-count");
  rpc.keepalive_time_ms = number("grpc-keepalive-time");
  rpc.keepalive_timeout_ms = number("grpc-keepalive-timeout");
  rpc.keepalive_permit_without_calls = options.Bool("grpc-keepalive-permit-without-calls");
  rpc.max_pings_without_data = number("grpc-http2-max-pings-without-data");
  rpc.min_ping_interval_without_data_ms = number("grpc-http2-min-recv-ping-interval-without-data");
  rpc.max_ping_strikes = number("grpc-http2-max-ping-strikes");
  if (const int age = number("grpc-max-connection-age"); age > 0) {
    rpc.max_connection_age_ms = age;
  }
  if (const int grace = number("grpc-max-connection-age-grace"); grace > 0) {
    rpc.max_connection_age_grace_ms = grace;
  }
  return rpc;
}

}  // namespace

Status Server::MakeFrontends() {
  const protocol::CallerRules callers{&accounts_->tenants(),
                                      base::ToLower(options_.Text("tenant-header")),
                                      base::ToLower(options_.Text("user-header"))};
  if (options_.Bool("allow-http")) {
    protocol::RestFrontend::Options rest;
    rest.http = RestOptions(options_);
    rest.max_input_bytes = options_.Uint("http-max-input-size");
    HADRON_ASSIGN_OR_RETURN(rest.access, protocol::AccessRules::Make(
                                             protocol::AccessRules::Door::kRest, Access(options_),
                                             options_.Texts("http-restricted-api")));
    HADRON_ASSIGN_OR_RETURN(rest_, protocol::RestFrontend::Create(
                                       rest, {&state_, &clock_, &request_memory_, &activity_,
                                              residency_.get(), [this] { return DevicesNow(); },
                                              callers, &accounts_->ledger(), &ledger_}));
    HADRON_RETURN_IF_ERROR(rest_->Bind());
  }
  if (options_.Bool("allow-grpc")) {
    protocol::RpcFrontend::Options rpc = RpcOptions(options_);
    HADRON_ASSIGN_OR_RETURN(rpc.access, protocol::AccessRules::Make(
                                            protocol::AccessRules::Door::kGrpc, Access(options_),
                                            options_.Texts("grpc-restricted-protocol")));
    rpc.request_memory_budget = request_memory_.limit_bytes();
    HADRON_ASSIGN_OR_RETURN(
        rpc_, protocol::RpcFrontend::Create(std::move(rpc), {&state_, &clock_, &metrics_.server(),
                                                             &request_memory_, callers}));
    HADRON_RETURN_IF_ERROR(rpc_->Bind());
  }
  if (options_.Bool("allow-metrics")) {
    HADRON_ASSIGN_OR_RETURN(scrapes_,
                            protocol::MetricsFrontend::Create(MetricsOptions(options_), metrics_));
    HADRON_RETURN_IF_ERROR(scrapes_->Bind());
  }
  SampleGauges();
  return {};
}

std::vector<protocol::DeviceStatus> Server::DevicesNow() const {
  device::Device& device = accelerator_ ? *accelerator_ : *host_;
  const device::DeviceInfo& info = device.info();
  return {{info.id, info.name, info.device_class, info.memory_bytes, device.memory().budget(),
           device.memory().reserved(), activity_.busy_ratio()}};
}

void Server::SampleGauges() {
  if (rest_) {
    metrics_.AddSampled("hadron_connections", {{"protocol", "rest"}},
                        [this] { return static_cast<double>(rest_->connections()); });
  }
  metrics_.AddSampled("hadron_build_info",
                      {{"version", std::string(kVersion)},
                       {"commit", std::string(kCommit)},
                       {"opencl", kHasOpenCl}},
                      [] { return 1.0; });
  metrics_.AddSampled("hadron_max_inflight", {},
                      [most = static_cast<double>(options_.Uint("max-inflight"))] { return most; });
  metrics_.AddSampled("hadron_request_memory_bytes", {},
                      [this] { return static_cast<double>(request_memory_.used_bytes()); });
  metrics_.AddSampled("hadron_log_dropped_total", {},
                      [] { return static_cast<double>(base::DroppedLogLines()); });
  metrics_.AddSource(
      [this](const telemetry::Metrics::Tell& tell) { accounts_->series().Tell(tell); });
  device::Device& device = accelerator_ ? *accelerator_ : *host_;
  const std::string& id = device.info().id;
  metrics_.AddSampled("hadron_device_memory_budget_bytes", {{"device", id}},
                      [&device] { return static_cast<double>(device.memory().budget()); });
  metrics_.AddSampled("hadron_device_memory_reserved_bytes", {{"device", id}},
                      [&device] { return static_cast<double>(device.memory().reserved()); });
  metrics_.AddSampled("hadron_host_memory_budget_bytes", {},
                      [this] { return static_cast<double>(host_->memory().budget()); });
  metrics_.AddSampled("hadron_host_memory_reserved_bytes", {},
                      [this] { return static_cast<double>(host_->memory().reserved()); });
  metrics_.AddSampled("hadron_device_busy_seconds_total", {{"device", id}},
                      [this] { return scheduler_->busy_seconds(); });
  metrics_.AddSampled("hadron_ensemble_device_bytes_total", {{"device", id}},
                      [this] { return static_cast<double>(scheduler_->kept_bytes()); });
  if (artifacts_) {
    metrics_.AddSampled("hadron_cache_bytes", {},
                        [this] { return static_cast<double>(artifacts_->counts().bytes); });
    metrics_.AddSampled("hadron_cache_budget_bytes", {},
                        [this] { return static_cast<double>(artifacts_->counts().budget); });
  }
  if (programs_ == nullptr) return;
  metrics_.AddSampled("hadron_device_programs_total", {{"device", id}, {"origin", "source"}},
                      [this] { return static_cast<double>(programs_->counts().compiled); });
  metrics_.AddSampled("hadron_device_programs_total", {{"device", id}, {"origin", "cache"}},
                      [this] { return static_cast<double>(programs_->counts().loaded); });
}

void Server::StartFrontends() {
  if (scrapes_) {
    scrapes_->Start();
    base::LogInfo("metrics listens",
                  {{"address", MetricsOptions(options_).address}, {"port", scrapes_->port()}});
  }
  if (rest_) {
    rest_->Start();
    rest_->Attach(*models_, *engine_);
    base::LogInfo("REST listens",
                  {{"address", options_.Text("http-address")}, {"port", rest_->port()}});
  }
  if (rpc_) {
    rpc_->Start();
    rpc_->Attach(*models_, *engine_);
    base::LogInfo("gRPC listens",
                  {{"address", options_.Text("grpc-address")}, {"port", rpc_->port()}});
  }
}

Status Server::WritePortFile() const {
  const std::string& path = options_.Text("port-file");
  if (path.empty()) return {};
  // Written beside and renamed: whoever waits for the file never reads half of it.
  const std::string part = path + ".part";
  std::ofstream out(part, std::ios::trunc);
  out << fmt::format(R"({{"http":{},"grpc":{},"metrics":{}}})", rest_ ? rest_->port() : 0,
                     rpc_ ? rpc_->port() : 0, scrapes_ ? scrapes_->port() : 0)
      << "\n";
  out.close();
  if (!out || std::rename(part.c_str(), path.c_str()) != 0) {
    return base::InvalidArgument(fmt::format("--port-file={}: cannot be written", path));
  }
  return {};
}

}  // namespace hadron::server
