#include "bench/density_case.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#include "bench/model_set.h"
#include "bench/pinning.h"
#include "bench/served_models.h"
#include "bench/traffic.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using Clock = std::chrono::steady_clock;

constexpr int kIndexCalls = 20;

struct Plan {
  std::size_t models;
  int rounds;
  std::chrono::milliseconds idle;
};

Plan PlanOf(const std::string& profile) {
  using std::chrono::milliseconds;
  if (profile == "smoke") return {30, 1, milliseconds(200)};
  return profile == "full" ? Plan{1000, 3, milliseconds(30'000)}
                           : Plan{1000, 1, milliseconds(10'000)};
}

/// A server with some of the models, all loaded and each asked once.
struct Seen {
  double resident_bytes = 0;
  double idle_share = 0;  ///< CPU time of the server over the time it had nothing to do
  double index_us = 0;    ///< median
  double start_s = 0;
};

Status AskEach(ServerUnderTest& server, const ServedModels& models) {
  Traffic traffic(server.port(), models.payloads());
  std::size_t asked = 0;
  const std::size_t all = models.specs().size();
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(4, [&] {
    return asked < all ? std::optional(asked++) : std::nullopt;
  }));
  if (result.refused() == 0) return {};
  return base::Unavailable("a model that is ready does not answer: " + result.first_refusal);
}

StatusOr<double> IndexMicros(ServerUnderTest& server) {
  std::vector<double> times;
  for (int i = 0; i < kIndexCalls; ++i) {
    const auto begin = Clock::now();
    HADRON_RETURN_IF_ERROR(server.Call("POST", "/v2/repository/index").status());
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  return Median(times);
}

StatusOr<double> IdleShare(ServerUnderTest& server, std::chrono::milliseconds idle) {
  HADRON_ASSIGN_OR_RETURN(const double before, server.process().CpuMicros());
  const auto begin = Clock::now();
  std::this_thread::sleep_for(idle);
  HADRON_ASSIGN_OR_RETURN(const double after, server.process().CpuMicros());
  return (after - before) / std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

StatusOr<Seen> Look(const ServedOptions& options, const ServedModels& models, const Plan& plan,
                    const std::vector<int>& cpus) {
  const auto begin = Clock::now();
  HADRON_ASSIGN_OR_RETURN(
      const auto server,
      ServerUnderTest::Start(
          {options.server, {"--model-repository=" + models.directory()}, {}, cpus}));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  Seen seen;
  seen.start_s = std::chrono::duration<double>(Clock::now() - begin).count();
  HADRON_RETURN_IF_ERROR(AskEach(*server, models));
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t resident, server->process().ResidentBytes());
  seen.resident_bytes = static_cast<double>(resident);
  HADRON_ASSIGN_OR_RETURN(seen.index_us, IndexMicros(*server));
  HADRON_ASSIGN_OR_RETURN(seen.idle_share, IdleShare(*server, plan.idle));
  return seen;
}

}  // namespace

StatusOr<CaseResult> RunDensityCase(const ServedOptions& options) {
  const Pinning pinning;
  const Plan plan = PlanOf(options.profile);
  SetRequest request{"tiny1000", options.seed, 1, plan.models};
  HADRON_ASSIGN_OR_RETURN(const ServedModels many, ServedModels::Make(request));
  request.count = 10;
  HADRON_ASSIGN_OR_RETURN(const ServedModels ten, ServedModels::Make(request));
  request.count = 1;
  HADRON_ASSIGN_OR_RETURN(const ServedModels one, ServedModels::Make(request));
  const double file = static_cast<double>(MlpModel(one.specs()[0]).size());
  const std::string label = fmt::format("{} tiny models", plan.models);
  Ratio bytes{label, "model file", {}, {}, {}, "rss_per_model"};
  Ratio idle{label, "idle second", {}, {}, {}, "cpu_share"};
  Ratio index{label, "10 models", {}, {}, {}, "index_time"};
  std::vector<double> per_model;
  std::vector<double> start;
  for (int round = 0; round < plan.rounds; ++round) {
    HADRON_ASSIGN_OR_RETURN(const Seen alone,
                            Look(options, one, {1, 1, {}}, pinning.server_cpus()));
    HADRON_ASSIGN_OR_RETURN(const Seen few, Look(options, ten, {10, 1, {}}, pinning.server_cpus()));
    HADRON_ASSIGN_OR_RETURN(const Seen all, Look(options, many, plan, pinning.server_cpus()));
    per_model.push_back((all.resident_bytes - alone.resident_bytes) /
                        static_cast<double>(plan.models - 1));
    bytes.ratios.push_back(per_model.back() / file);
    idle.ratios.push_back(all.idle_share);
    index.ratios.push_back(all.index_us / few.index_us);
    index.ours_us.push_back(all.index_us);
    index.peer_us.push_back(few.index_us);
    start.push_back(all.start_s);
  }
  bytes.context = {{"rss_per_model_bytes", per_model}, {"start_s", start}};
  return CaseResult{{bytes, idle, index}, {pinning.Describe()}};
}

}  // namespace hadron::bench
