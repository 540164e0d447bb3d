#include "bench/quota_server.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/front_message.h"
#include "bench/pinning.h"
#include "bench/played_card.h"
#include "bench/rest_lane.h"
#include "bench/served_models.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::size_t kAllowed = 3;  ///< models of a tenant on the card
constexpr std::size_t kDemand = 10 * kAllowed;
constexpr std::string_view kHealth = "GET /v2/health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/// Small models of one size and different weights.
StatusOr<ServedModels> MakeModels(std::uint64_t seed) {
  HADRON_ASSIGN_OR_RETURN(auto specs, ModelSet({"mlp-1", seed}));
  std::vector<MlpSpec> all;
  for (std::size_t i = 0; i < kDemand; ++i) {
    MlpSpec& spec = all.emplace_back(specs.front());
    spec.name = fmt::format("quota{}", i);
    spec.seed += i;
  }
  return ServedModels::Make(std::move(all));
}

std::string InferRequest(const Payload& payload, std::string_view tenant) {
  const WireRequest wire = EncodeRest(Protocol::kRestBinary, payload);
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-hadron-tenant: {}\r\n{}Content-Length: "
      "{}\r\n\r\n{}",
      wire.path, tenant, wire.headers, wire.body.size(), wire.body);
}

/// One kept connection; requests one after the other.
class Caller {
 public:
  static StatusOr<std::unique_ptr<Caller>> Connect(std::uint16_t port) {
    auto caller = std::make_unique<Caller>();
    HADRON_RETURN_IF_ERROR(caller->lane_.Connect(port, caller->epoll_));
    return caller;
  }
  Caller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() { close(epoll_); }

  /// Microseconds until the answer, which must have this status.
  StatusOr<double> Call(std::string_view request, int expected) {
    constexpr int kPatienceMs = 60'000;
    HADRON_RETURN_IF_ERROR(lane_.Send(request));
    for (;;) {
      epoll_event event{};
      const int count = epoll_wait(epoll_, &event, 1, kPatienceMs);
      if (count == 0) return base::Unavailable("no answer came within a minute");
      HADRON_ASSIGN_OR_RETURN(const bool complete, lane_.Advance());
      if (complete) break;
    }
    const std::chrono::duration<double, std::micro> took =
        std::chrono::steady_clock::now() - lane_.sent();
    if (lane_.status() == expected) return took.count();
    return base::Internal(
        fmt::format("{} instead of {}: {}", lane_.status(), expected, lane_.body().substr(0, 300)));
  }
  std::string_view body() const { return lane_.body(); }

 private:
  RestLane lane_;
  const int epoll_;
};

StatusOr<std::uint64_t> ResidentBytes(Caller& caller) {
  constexpr std::string_view kStatus = "GET /v2/hadron/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  HADRON_RETURN_IF_ERROR(caller.Call(kStatus, 200).status());
  const auto json = nlohmann::json::parse(caller.body(), nullptr, false);
  if (!json.is_object() || !json.contains("tenants")) return base::Internal("no tenants");
  for (const auto& tenant : json["tenants"]) {
    if (tenant.value("name", "") == "memory") return tenant.value("resident_bytes", 0ULL);
  }
  return base::Internal("the tenant is not in the status");
}

/// Brings ten times as many models as may be there, one after the other.
StatusOr<Ratio> Memory(ServerUnderTest& server, const ServedModels& models) {
  Ratio ratio{"ten-fold demand, bytes on the device", "allowed", {}, {}, {}, "admitted"};
  HADRON_ASSIGN_OR_RETURN(const auto caller, Caller::Connect(server.port()));
  for (const Payload& payload : models.payloads()) {
    HADRON_RETURN_IF_ERROR(
        server.Call("POST", fmt::format("/v2/hadron/models/{}/evict", payload.model)).status());
  }
  std::uint64_t most = 0;
  std::uint64_t one = 0;
  for (const Payload& payload : models.payloads()) {
    const std::string request = InferRequest(payload, "memory");
    HADRON_RETURN_IF_ERROR(caller->Call(request, 200).status());
    HADRON_ASSIGN_OR_RETURN(const std::uint64_t held, ResidentBytes(*caller));
    if (one == 0) one = held;
    most = std::max(most, held);
  }
  ratio.ratios = {static_cast<double>(most) / static_cast<double>(std::max<std::uint64_t>(1, one)) /
                  static_cast<double>(kAllowed)};
  return ratio;
}

/// Medians of refusals and of health calls, in turns.
StatusOr<Ratio> Refusals(ServerUnderTest& server, const ServedModels& models, int rounds,
                         int calls) {
  Ratio ratio{"refusals over REST", "a health call", {}, {}, {}};
  const std::string request = InferRequest(models.payloads().front(), "rate");
  HADRON_ASSIGN_OR_RETURN(const auto caller, Caller::Connect(server.port()));
  HADRON_RETURN_IF_ERROR(caller->Call(request, 200).status());  // all that it may
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> refused;
    std::vector<double> health;
    for (int i = 0; i < calls; ++i) {
      HADRON_ASSIGN_OR_RETURN(const double first, caller->Call(request, 429));
      HADRON_ASSIGN_OR_RETURN(const double second, caller->Call(kHealth, 200));
      refused.push_back(first);
      health.push_back(second);
    }
    ratio.ours_us.push_back(Median(std::move(refused)));
    ratio.peer_us.push_back(Median(std::move(health)));
    ratio.ratios.push_back(ratio.ours_us.back() / ratio.peer_us.back());
  }
  return ratio;
}

Status WriteTenants(const std::string& file, std::uint64_t bytes) {
  std::ofstream out(file);
  out << fmt::format(R"({{"tenants": [{{"name": "memory", "max_resident_bytes": {}}},)"
                     R"( {{"name": "rate", "max_requests_per_second": 0.0001}}]}})",
                     bytes);
  out.close();
  return out ? Status() : base::Unavailable("cannot write " + file);
}

}  // namespace

StatusOr<std::vector<Ratio>> RunQuotaServer(const ServedOptions& options, int rounds) {
  const Pinning pinning;
  HADRON_ASSIGN_OR_RETURN(const ServedModels models, MakeModels(options.seed));
  HADRON_ASSIGN_OR_RETURN(const TempDir directory, TempDir::Make());
  const std::string tenants = directory.path() + "/tenants.json";
  // What allocation rounds up to is a small part of a model.
  const std::uint64_t one = models.specs().front().weight_bytes();
  HADRON_RETURN_IF_ERROR(WriteTenants(tenants, one * kAllowed + one / 2));
  ServerUnderTest::Setup setup{
      options.server,
      {"--model-repository=" + models.directory(), "--tenant-config=" + tenants},
      {},
      pinning.server_cpus()};
  PlayedCard{2 * models.weight_bytes(), 4e9}.AddTo(setup);
  HADRON_ASSIGN_OR_RETURN(const auto server, ServerUnderTest::Start(setup));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  std::vector<Ratio> ratios;
  HADRON_ASSIGN_OR_RETURN(ratios.emplace_back(), Memory(*server, models));
  const int calls = options.profile == "smoke" ? 20 : 1000;
  HADRON_ASSIGN_OR_RETURN(ratios.emplace_back(), Refusals(*server, models, rounds, calls));
  return ratios;
}

}  // namespace hadron::bench
