#include "bench/churn_case.h"

#include <fmt/format.h>

#include "bench/background.h"
#include "bench/pinning.h"
#include "bench/served_models.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr const char* kReserved = "hadron_device_memory_reserved_bytes";
constexpr std::size_t kMixed = 8;
constexpr double kScale = 16;  // models of 128 KiB to 2 MiB: a cycle is about bookkeeping

int CyclesOf(const std::string& profile) {
  if (profile == "smoke") return 20;
  return profile == "full" ? 2000 : 500;
}

/// The models that come and go, and last the one that serves.
StatusOr<ServedModels> MakeModels(const ServedOptions& options) {
  SetRequest zoo{"zoo100", options.seed, options.scale > 0 ? options.scale : kScale, kMixed};
  HADRON_ASSIGN_OR_RETURN(auto specs, ModelSet(zoo));
  HADRON_ASSIGN_OR_RETURN(auto served, ModelSet({"mlp-1", options.seed}));
  served[0].name = "served";
  specs.push_back(std::move(served[0]));
  return ServedModels::Make(std::move(specs));
}

/// One model's life: it answers rightly, then it is gone.
Status Cycle(ServerUnderTest& server, Traffic& traffic, const ServedModels& models,
             std::size_t which) {
  const std::string& name = models.specs()[which].name;
  HADRON_RETURN_IF_ERROR(server.Load(name));
  bool asked = false;
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(1, [&] {
    return std::exchange(asked, true) ? std::nullopt : std::optional(which);
  }));
  if (result.refused() > 0) return base::Unavailable(name + ": " + result.first_refusal);
  return server.Unload(name);
}

/// Growth a thousand cycles by least squares over the second half, in bytes.
double SlopeOf(const std::vector<double>& resident) {
  const std::size_t from = resident.size() / 2;
  const auto n = static_cast<double>(resident.size() - from);
  double sum_x = 0;
  double sum_y = 0;
  double sum_xy = 0;
  double sum_xx = 0;
  for (std::size_t i = from; i < resident.size(); ++i) {
    const auto x = static_cast<double>(i - from);
    sum_x += x;
    sum_y += resident[i];
    sum_xy += x * resident[i];
    sum_xx += x * x;
  }
  return 1000 * (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
}

StatusOr<std::vector<double>> Cycles(ServerUnderTest& server, const ServedModels& models,
                                     int cycles) {
  Traffic traffic(server.port(), models.payloads());
  std::vector<double> resident;
  for (int i = 0; i < cycles; ++i) {
    HADRON_RETURN_IF_ERROR(Cycle(server, traffic, models, static_cast<std::size_t>(i) % kMixed));
    HADRON_ASSIGN_OR_RETURN(const std::uint64_t bytes, server.process().ResidentBytes());
    resident.push_back(static_cast<double>(bytes));
  }
  return resident;
}

CaseResult Judge(const std::string& label, const std::vector<double>& resident,
                 const TrafficResult& served, double left) {
  Ratio memory{label, "after a tenth", {resident.back() / resident[resident.size() / 10]}, {}, {},
               "rss"};
  memory.context = {{"rss_bytes", {resident.back()}},
                    {"slope_bytes_per_1000", {SlopeOf(resident)}}};
  Ratio device{label, "nothing", {left}, {}, {}, "device_bytes_left"};
  Ratio failed{label, "nothing", {static_cast<double>(served.refused())},
               {},    {},        "failed_requests"};
  failed.context = {{"requests", {static_cast<double>(served.outcomes.size())}},
                    {"p50_us", {served.percentile_us(0.5)}},
                    {"p99_us", {served.percentile_us(0.99)}}};
  CaseResult result{{memory, device, failed}, {}};
  if (!served.first_refusal.empty()) result.notes.push_back("refused: " + served.first_refusal);
  return result;
}

}  // namespace

StatusOr<CaseResult> RunChurnCase(const ServedOptions& options) {
  const Pinning pinning;
  HADRON_ASSIGN_OR_RETURN(const ServedModels models, MakeModels(options));
  HADRON_ASSIGN_OR_RETURN(
      const auto server,
      ServerUnderTest::Start({options.server,
                              {"--model-repository=" + models.directory(),
                               "--model-control-mode=explicit", "--load-model=served"},
                              {},
                              pinning.server_cpus()}));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  const int cycles = CyclesOf(options.profile);
  BackgroundTraffic background(server->port(), models.payloads().back(), 2);
  auto resident = Cycles(*server, models, cycles);
  HADRON_ASSIGN_OR_RETURN(const TrafficResult served, background.Stop());
  HADRON_RETURN_IF_ERROR(resident.CloneStatus());
  HADRON_RETURN_IF_ERROR(server->Unload("served"));
  // Bytes are given back behind the answer to the call.
  HADRON_ASSIGN_OR_RETURN(const double left, server->AwaitMetric(kReserved, 0));
  if (left > 0) {
    return base::Internal(fmt::format("{} bytes stay booked on the device without a model", left));
  }
  CaseResult result = Judge(fmt::format("{} cycles", cycles), *resident, served, left);
  result.notes.push_back(pinning.Describe());
  return result;
}

}  // namespace hadron::bench
