#include "bench/switch_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "bench/played_card.h"
#include "bench/served_models.h"
#include "bench/traffic.h"

namespace hadron::bench {
namespace {

using base::StatusOr;

struct Plan {
  double scale;
  std::int64_t rows;
  int rounds;
};

Plan PlanOf(const ServedOptions& options) {
  Plan plan{1, 96, 5};
  if (options.profile == "smoke") plan = {16, 8, 1};
  if (options.profile == "full") plan.rounds = 9;
  if (options.scale > 0) plan.scale = options.scale;
  return plan;
}

StatusOr<ServedModels> MakePair(const ServedOptions& options, const Plan& plan) {
  HADRON_ASSIGN_OR_RETURN(auto specs, ModelSet({"mlp-128", options.seed, plan.scale}));
  specs.push_back(specs[0]);
  specs[0].name = "left";
  specs[1].name = "right";
  specs[1].seed += 1;
  for (MlpSpec& spec : specs) spec.max_batch = plan.rows;
  return ServedModels::Make(std::move(specs), plan.rows);
}

StatusOr<double> AskMicros(Traffic& traffic, std::size_t model) {
  bool asked = false;
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(1, [&] {
    return std::exchange(asked, true) ? std::nullopt : std::optional(model);
  }));
  if (result.refused() > 0) return base::Unavailable(result.first_refusal);
  return result.outcomes[0].latency_us();
}

/// Every other request finds its model away, the others find it there.
struct Turns {
  std::vector<double> away_us;
  std::vector<double> there_us;
};

StatusOr<Turns> TakeTurns(const ServedOptions& options, const ServedModels& models,
                          const PlayedCard& card, int rounds) {
  HADRON_ASSIGN_OR_RETURN(const auto server, StartOnCard(options, models, card));
  Traffic traffic(server->port(), models.payloads());
  for (const std::size_t model : {0, 1, 0, 1}) {  // both have met their batch
    HADRON_RETURN_IF_ERROR(AskMicros(traffic, model).status());
  }
  Turns turns;
  for (int i = 0; i < rounds; ++i) {
    const auto model = static_cast<std::size_t>(i % 2);
    HADRON_ASSIGN_OR_RETURN(const double away, AskMicros(traffic, model));
    HADRON_ASSIGN_OR_RETURN(const double there, AskMicros(traffic, model));
    turns.away_us.push_back(away);
    turns.there_us.push_back(there);
  }
  return turns;
}

}  // namespace

StatusOr<CaseResult> RunSwitchCase(const ServedOptions& options) {
  const Plan plan = PlanOf(options);
  HADRON_ASSIGN_OR_RETURN(const ServedModels models, MakePair(options, plan));
  const auto bytes = static_cast<double>(models.specs()[0].weight_bytes());
  const auto room = static_cast<std::uint64_t>(1.6 * bytes);  // one, and what a batch needs
  HADRON_ASSIGN_OR_RETURN(const Turns fast,
                          TakeTurns(options, models, {4 * room, 8e9}, plan.rounds));
  const double exec_us = Median(fast.there_us);
  CaseResult result;
  for (const double times : {4.0, 1.0}) {
    const double rate = bytes / (times * exec_us / 1e6);
    HADRON_ASSIGN_OR_RETURN(const Turns turns,
                            TakeTurns(options, models, {room, rate}, plan.rounds));
    Ratio row{fmt::format("{:.0f} MiB, {} rows, copy {:.0f} x compute", bytes / (1 << 20U),
                          plan.rows, times),
              "max(copy, compute)",
              {},
              turns.away_us,
              {},
              "time"};
    for (std::size_t i = 0; i < turns.away_us.size(); ++i) {
      row.peer_us.push_back(std::max(bytes / rate * 1e6, turns.there_us[i]));
      row.ratios.push_back(row.ours_us[i] / row.peer_us[i]);
    }
    row.context = {{"compute_us", turns.there_us}, {"copy_us", {bytes / rate * 1e6}}};
    result.ratios.push_back(std::move(row));
  }
  result.notes.push_back("nothing is pinned: one request at a time, the generator waits");
  return result;
}

}  // namespace hadron::bench
