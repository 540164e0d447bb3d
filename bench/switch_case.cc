#include "bench/switch_case.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <vector>

#include "bench/played_card.h"
#include "bench/served_models.h"
#include "bench/switch_rounds.h"
#include "bench/traffic.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

/// Requests that find their model there, for one that finds it away: their median is what computing
/// takes in that round.
constexpr int kStays = 3;
/// Rounds that are dropped at most, for each that counts, until the machine is called too restless.
constexpr std::size_t kMostDropped = 4;

struct Plan {
  double scale;
  std::int64_t rows;
  std::size_t rounds;
};

/// So many rows that computing takes 50 ms or so.
Plan PlanOf(const ServedOptions& options) {
  Plan plan{1, 320, 5};
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

StatusOr<double> StayMicros(Traffic& traffic, std::size_t model) {
  std::vector<double> there_us;
  for (int i = 0; i < kStays; ++i) {
    HADRON_ASSIGN_OR_RETURN(there_us.emplace_back(), AskMicros(traffic, model));
  }
  return Median(there_us);
}

/// A pair of models on a card, and which of them is there.
class Pair {
 public:
  static StatusOr<std::unique_ptr<Pair>> Start(const ServedOptions& options,
                                               const ServedModels& models, const PlayedCard& card) {
    HADRON_ASSIGN_OR_RETURN(auto server, StartOnCard(options, models, card));
    auto pair = std::unique_ptr<Pair>(new Pair(std::move(server), models));
    for (const std::size_t model : {0, 1, 0, 1}) {  // both have met their batch
      HADRON_RETURN_IF_ERROR(AskMicros(pair->traffic_, model).status());
    }
    return pair;
  }

  struct Turn {
    double away_us = 0;
    double there_us = 0;
  };
  /// The arms change places from turn to turn.
  StatusOr<Turn> Take() {
    Turn turn;
    const std::size_t other = 1 - there_;
    if (odd_) {
      HADRON_ASSIGN_OR_RETURN(turn.there_us, StayMicros(traffic_, there_));
    }
    HADRON_ASSIGN_OR_RETURN(turn.away_us, AskMicros(traffic_, other));
    if (!odd_) {
      HADRON_ASSIGN_OR_RETURN(turn.there_us, StayMicros(traffic_, other));
    }
    there_ = other;
    odd_ = !odd_;
    return turn;
  }

 private:
  Pair(std::unique_ptr<ServerUnderTest> server, const ServedModels& models)
      : server_(std::move(server)), traffic_(server_->port(), models.payloads()) {}

  std::unique_ptr<ServerUnderTest> server_;
  Traffic traffic_;
  std::size_t there_ = 1;
  bool odd_ = false;
};

/// A first idea of what computing takes, without a link that matters.
StatusOr<double> ComputeMicros(const ServedOptions& options, const ServedModels& models,
                               std::uint64_t room, std::size_t rounds) {
  HADRON_ASSIGN_OR_RETURN(const auto pair, Pair::Start(options, models, {4 * room, 8e9}));
  std::vector<double> there_us;
  for (std::size_t i = 0; i < rounds; ++i) {
    HADRON_ASSIGN_OR_RETURN(const Pair::Turn turn, pair->Take());
    there_us.push_back(turn.there_us);
  }
  return Median(there_us);
}

Status Fill(const ServedOptions& options, const ServedModels& models, std::uint64_t room,
            std::size_t count, SwitchRounds& rounds) {
  while (rounds.size() < count && rounds.dropped() < kMostDropped * count) {
    HADRON_ASSIGN_OR_RETURN(const auto pair, Pair::Start(options, models, {room, rounds.rate()}));
    do {
      HADRON_ASSIGN_OR_RETURN(const Pair::Turn turn, pair->Take());
      rounds.Take(turn.away_us, turn.there_us);
    } while (rounds.size() < count && !rounds.stale());
  }
  return {};
}

Ratio RowOf(const SwitchRounds& rounds, const std::string& what) {
  Ratio row{what, "max(copy, compute)", {}, rounds.away_us(), rounds.ideal_us(), "time"};
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    row.ratios.push_back(row.ours_us[i] / row.peer_us[i]);
  }
  row.context = {{"compute_us", rounds.there_us()},
                 {"copy_us", rounds.copy_us()},
                 {"dropped_count", {static_cast<double>(rounds.dropped())}}};
  return row;
}

}  // namespace

StatusOr<CaseResult> RunSwitchCase(const ServedOptions& options) {
  const Plan plan = PlanOf(options);
  HADRON_ASSIGN_OR_RETURN(const ServedModels models, MakePair(options, plan));
  const auto bytes = static_cast<double>(models.specs()[0].weight_bytes());
  const auto room = static_cast<std::uint64_t>(1.6 * bytes);  // one, and what a batch needs
  HADRON_ASSIGN_OR_RETURN(double compute_us, ComputeMicros(options, models, room, plan.rounds));
  CaseResult result;
  for (const double times : {4.0, 1.0}) {
    SwitchRounds rounds(bytes, times, compute_us);
    HADRON_RETURN_IF_ERROR(Fill(options, models, room, plan.rounds, rounds));
    const std::string what = fmt::format("{:.0f} MiB, {} rows, copy {:.0f} x compute",
                                         bytes / (1 << 20U), plan.rows, times);
    if (rounds.size() < plan.rounds) {
      result.notes.push_back(
          fmt::format("{}: {} rounds dropped, only {} of {} found copying at {:.0f} times "
                      "computing: the machine is too restless",
                      what, rounds.dropped(), rounds.size(), plan.rounds, times));
    }
    if (rounds.size() == 0) continue;
    compute_us = Median(rounds.there_us());
    result.ratios.push_back(RowOf(rounds, what));
  }
  result.notes.push_back("nothing is pinned: one request at a time, the generator waits");
  return result;
}

}  // namespace hadron::bench
