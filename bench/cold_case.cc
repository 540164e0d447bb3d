#include "bench/cold_case.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "bench/origin.h"
#include "bench/played_card.h"
#include "bench/served_models.h"
#include "bench/traffic.h"

namespace hadron::bench {
namespace {

using base::StatusOr;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kRoomForABatch = std::uint64_t{64} << 20U;

struct Plan {
  int rounds;
  double scale;  ///< of the big model
  double bytes_per_s;
};

Plan PlanOf(const ServedOptions& options) {
  Plan plan{2, 1, 100e6};
  if (options.profile == "smoke") plan = {1, 256, 100e6};
  if (options.profile == "full") plan.rounds = 5;
  if (options.scale > 0) plan.scale = options.scale;
  return plan;
}

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Seconds from exec.
struct Spans {
  double live_s = 0;
  double ready_s = 0;
  double answer_s = 0;
};

/// A start with that cache up to the first answer, which is compared with the reference; with a
/// card, on that.
StatusOr<Spans> ColdStart(const ServedOptions& options, const Origin& origin,
                          const Payload& payload, const std::string& cache,
                          const std::optional<PlayedCard>& card = std::nullopt) {
  ServerUnderTest::Setup setup{
      options.server, {"--model-repository=" + origin.url()}, Origin::Environment(), {}, cache};
  if (card) card->AddTo(setup);
  HADRON_ASSIGN_OR_RETURN(const auto server, ServerUnderTest::Start(setup));
  const auto begin = server->process().begun();
  HADRON_RETURN_IF_ERROR(server->Call("GET", "/v2/health/live").status());
  Spans spans;
  spans.live_s = Since(begin);
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  spans.ready_s = Since(begin);
  Traffic traffic(server->port(), {payload});
  bool asked = false;
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(1, [&] {
    return std::exchange(asked, true) ? std::nullopt : std::optional<std::size_t>(0);
  }));
  if (result.refused() > 0) return base::Unavailable(result.first_refusal);
  spans.answer_s = Since(begin);
  return spans;
}

/// Seconds from exec to live and, in mode demand, to a catalogue of what is there.
StatusOr<Spans> LiveWith(const ServedOptions& options, const std::string& directory) {
  HADRON_ASSIGN_OR_RETURN(
      const auto server,
      ServerUnderTest::Start(
          {options.server, {"--model-repository=" + directory, "--model-control-mode=demand"}}));
  HADRON_RETURN_IF_ERROR(server->Call("GET", "/v2/health/live").status());
  Spans spans;
  spans.live_s = Since(server->process().begun());
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  spans.ready_s = Since(server->process().begun());
  return spans;
}

/// The same on a card whose link takes a quarter of the download's time: copied while they come,
/// the weights are there when the last byte is.
base::Status OnACard(const ServedOptions& options, const Plan& plan, const Origin& origin,
                     const MlpSpec& spec, CaseResult& result) {
  const double bytes = static_cast<double>(spec.weight_bytes());
  const PlayedCard card{2 * spec.weight_bytes() + kRoomForABatch, 4 * plan.bytes_per_s};
  const Payload payload = MlpPayload(spec, 1);
  Ratio first{fmt::format("{:.0f} MiB at {:.0f} MB/s, card at {:.0f} MB/s", bytes / (1 << 20U),
                          plan.bytes_per_s / 1e6, card.copy_bytes_per_s / 1e6),
              "bytes / rate",
              {},
              {},
              {},
              "time_to_answer"};
  for (int round = 0; round < plan.rounds; ++round) {
    HADRON_ASSIGN_OR_RETURN(const TempDir cache, TempDir::Make());
    HADRON_ASSIGN_OR_RETURN(const Spans cold,
                            ColdStart(options, origin, payload, cache.path(), card));
    first.ours_us.push_back(cold.answer_s * 1e6);
    first.peer_us.push_back(bytes / plan.bytes_per_s * 1e6);
    first.ratios.push_back(first.ours_us.back() / first.peer_us.back());
  }
  result.ratios.push_back(std::move(first));
  return {};
}

base::Status CompareLive(const ServedOptions& options, const Plan& plan, CaseResult& result) {
  HADRON_ASSIGN_OR_RETURN(const ServedModels hundred,
                          ServedModels::Make({"tiny1000", options.seed, 1, 100}));
  HADRON_ASSIGN_OR_RETURN(const TempDir none, TempDir::Make());
  Ratio live{"100 models in the catalogue", "no model", {}, {}, {}, "time_to_live"};
  std::vector<double> ready;
  for (int round = 0; round < plan.rounds; ++round) {
    HADRON_ASSIGN_OR_RETURN(const Spans with, LiveWith(options, hundred.directory()));
    HADRON_ASSIGN_OR_RETURN(const Spans without, LiveWith(options, none.path()));
    live.ours_us.push_back(with.live_s * 1e6);
    live.peer_us.push_back(without.live_s * 1e6);
    live.ratios.push_back(with.live_s / without.live_s);
    ready.push_back(with.ready_s * 1e6);
  }
  // How long an orchestrator waits: a bound of its own, not of another arm.
  Ratio absolute{live.what, "a second", {}, {}, {}, live.metric};
  for (const double us : live.ours_us) absolute.ratios.push_back(us / 1e6);
  live.context = {{"ready_us", ready}};
  result.ratios.push_back(std::move(live));
  result.ratios.push_back(std::move(absolute));
  return {};
}

}  // namespace

StatusOr<CaseResult> RunColdCase(const ServedOptions& options) {
  const Plan plan = PlanOf(options);
  HADRON_ASSIGN_OR_RETURN(const auto specs, ModelSet({"mlp-512", options.seed, plan.scale}));
  const MlpSpec& spec = specs[0];
  Origin origin(options.seed);
  origin.PutModel(spec);
  OriginBehaviour behaviour;
  behaviour.total_bytes_per_s = plan.bytes_per_s;
  origin.Behave(behaviour);
  const Payload payload = MlpPayload(spec, 1);
  const double bytes = static_cast<double>(spec.weight_bytes());
  const std::string label =
      fmt::format("{:.0f} MiB at {:.0f} MB/s", bytes / (1 << 20U), plan.bytes_per_s / 1e6);
  Ratio first{label, "bytes / rate", {}, {}, {}, "time_to_answer"};
  Ratio second{label + ", 2nd start", "1st start", {}, {}, {}, "time_to_answer"};
  std::vector<double> ready;
  for (int round = 0; round < plan.rounds; ++round) {
    HADRON_ASSIGN_OR_RETURN(const TempDir cache, TempDir::Make());
    HADRON_ASSIGN_OR_RETURN(const Spans cold, ColdStart(options, origin, payload, cache.path()));
    HADRON_ASSIGN_OR_RETURN(const Spans warm, ColdStart(options, origin, payload, cache.path()));
    first.ours_us.push_back(cold.answer_s * 1e6);
    first.peer_us.push_back(bytes / plan.bytes_per_s * 1e6);
    first.ratios.push_back(first.ours_us.back() / first.peer_us.back());
    second.ours_us.push_back(warm.answer_s * 1e6);
    second.peer_us.push_back(cold.answer_s * 1e6);
    second.ratios.push_back(warm.answer_s / cold.answer_s);
    ready.push_back(cold.ready_s * 1e6);
  }
  first.context = {{"ready_us", ready}};
  CaseResult result{{first, second}, {}};
  HADRON_RETURN_IF_ERROR(OnACard(options, plan, origin, spec, result));
  HADRON_RETURN_IF_ERROR(CompareLive(options, plan, result));
  return result;
}

}  // namespace hadron::bench
