#include "bench/isolate_case.h"

#include <chrono>

#include "bench/background.h"
#include "bench/pinning.h"
#include "bench/served_models.h"

namespace hadron::bench {
namespace {

using base::StatusOr;

struct IsolatePlan {
  int rounds;
  double seconds;
};

IsolatePlan IsolatePlanOf(const std::string& profile) {
  if (profile == "smoke") return {1, 0.5};
  return profile == "full" ? IsolatePlan{9, 8} : IsolatePlan{5, 4};
}

/// Two of mlp-8: the one that is served and the one that comes and goes.
StatusOr<ServedModels> MakePair(const ServedOptions& options) {
  HADRON_ASSIGN_OR_RETURN(auto specs,
                          ModelSet({"mlp-8", options.seed, options.scale > 0 ? options.scale : 1}));
  specs.push_back(specs[0]);
  specs[0].name = "served";
  specs[1].name = "churned";
  specs[1].seed += 1;
  return ServedModels::Make(std::move(specs));
}

/// Requests a second with four outstanding.
StatusOr<double> Capacity(Traffic& traffic, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(4, [&] {
    return std::chrono::steady_clock::now() < end ? std::optional<std::size_t>(0) : std::nullopt;
  }));
  if (result.refused() > 0) return base::Unavailable(result.first_refusal);
  return static_cast<double>(result.outcomes.size()) / result.wall_us * 1e6;
}

struct Round {
  TrafficResult alone;
  TrafficResult beside;
  int turns = 0;
};

StatusOr<Round> IsolateRound(ServerUnderTest& server, Traffic& traffic,
                             const std::vector<Traffic::Arrival>& arrivals, bool alone_first) {
  Round round;
  for (const bool alone : {alone_first, !alone_first}) {
    if (alone) {
      HADRON_ASSIGN_OR_RETURN(round.alone, traffic.Open(arrivals));
      continue;
    }
    BackgroundLoop loop([&] {
      HADRON_RETURN_IF_ERROR(server.Load("churned"));
      return server.Unload("churned");
    });
    HADRON_ASSIGN_OR_RETURN(round.beside, traffic.Open(arrivals));
    HADRON_ASSIGN_OR_RETURN(round.turns, loop.Stop());
  }
  if (round.alone.refused() + round.beside.refused() == 0) return round;
  return base::Unavailable(round.alone.first_refusal + round.beside.first_refusal);
}

}  // namespace

StatusOr<CaseResult> RunIsolateCase(const ServedOptions& options) {
  const Pinning pinning;
  const IsolatePlan plan = IsolatePlanOf(options.profile);
  HADRON_ASSIGN_OR_RETURN(const ServedModels models, MakePair(options));
  HADRON_ASSIGN_OR_RETURN(
      const auto server,
      ServerUnderTest::Start({options.server,
                              {"--model-repository=" + models.directory(),
                               "--model-control-mode=explicit", "--load-model=served"},
                              {},
                              pinning.server_cpus()}));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  Traffic traffic(server->port(), models.payloads());
  HADRON_ASSIGN_OR_RETURN(const double capacity, Capacity(traffic, std::min(1.0, plan.seconds)));
  Ratio p99{"mlp-8 at load 0.3", "alone", {}, {}, {}, "p99"};
  Ratio p50{"mlp-8 at load 0.3", "alone", {}, {}, {}, "p50"};
  std::vector<double> loads;
  for (int i = 0; i < plan.rounds; ++i) {
    const auto arrivals =
        PoissonArrivals(0.3 * capacity, plan.seconds, options.seed + static_cast<std::uint64_t>(i),
                        [] { return std::size_t{0}; });
    HADRON_ASSIGN_OR_RETURN(const Round round,
                            IsolateRound(*server, traffic, arrivals, i % 2 == 0));
    for (const auto& [row, share] : {std::pair(&p99, 0.99), std::pair(&p50, 0.5)}) {
      row->ours_us.push_back(round.beside.percentile_us(share));
      row->peer_us.push_back(round.alone.percentile_us(share));
      row->ratios.push_back(row->ours_us.back() / row->peer_us.back());
    }
    loads.push_back(round.turns / plan.seconds);
  }
  p99.context = {{"capacity_per_s", {capacity}}, {"loads_per_s", loads}};
  return CaseResult{{p99, p50}, {pinning.Describe()}};
}

}  // namespace hadron::bench
