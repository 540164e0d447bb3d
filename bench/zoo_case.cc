#include "bench/zoo_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "bench/clairvoyant.h"
#include "bench/pinning.h"
#include "bench/random.h"
#include "bench/zoo_arm.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr double kShare = 0.1;  ///< of the models' bytes fits
/// For the overload a restore must be cheap beside computing, or load 0.6 is an overload already:
/// copying takes the CPU that computes, so a faster link alone does not help. Hence requests of
/// many rows, and room for a quarter.
constexpr double kOverloadShare = 0.25;
constexpr double kOverloadRate = 8e9;
constexpr std::size_t kProbes = 200;
/// An overload during which the machine changes by more than this part is another one.
constexpr double kSteady = 0.04;

struct Plan {
  SetRequest set;
  std::size_t requests;  ///< of each closed loop
  std::vector<std::size_t> outstanding;
  double open_s;
  double overload_s;
  double copy_rate;
  std::int64_t overload_rows;
  int overloads;     ///< rounds that count
  int most_dropped;  ///< of others, until what comes is taken
};

Plan PlanOf(const ServedOptions& options) {
  Plan plan{{"zoo100", options.seed}, 1000, {8, 32, 128}, 30, 10, 2e9, 256, 3, 3};
  if (options.profile == "smoke")
    plan = {{"zoo100", options.seed, 4, 20}, 60, {8}, 0.5, 0.2, 4e9, 32, 1, 0};
  if (options.profile == "full")
    plan = {{"zoo100", options.seed}, 4000, {8, 32, 128}, 30, 10, 2e9, 256, 5, 5};
  if (options.scale > 0) plan.set.scale = options.scale;
  return plan;
}

class Zoo {
 public:
  Zoo(const ServedOptions& options, Plan plan, ServedModels& models)
      : options_(options),
        plan_(std::move(plan)),
        models_(models),
        random_(options.seed),
        popularity_(models.specs().size(), 1.0, random_),
        budget_(BudgetOf(kShare)) {}

  StatusOr<CaseResult> Run() {
    const PlayedCard card{budget_, plan_.copy_rate};
    HADRON_ASSIGN_OR_RETURN(product_,
                            ZooArm::Start(options_, models_, card, pinning_.server_cpus()));
    HADRON_RETURN_IF_ERROR(Closed("product", *product_));
    product_.reset();
    HADRON_ASSIGN_OR_RETURN(product_,
                            ZooArm::Start(options_, models_, {budget_, plan_.copy_rate, "lru"},
                                          pinning_.server_cpus()));
    HADRON_RETURN_IF_ERROR(Closed("lru", *product_));
    product_.reset();
    HADRON_RETURN_IF_ERROR(OpenLoops(card));
    HADRON_RETURN_IF_ERROR(Overload());
    result_.notes.push_back(fmt::format("{} models, {} MiB, budget {} MiB, copies at {:.1f} GB/s",
                                        models_.specs().size(), models_.weight_bytes() >> 20U,
                                        budget_ >> 20U, plan_.copy_rate / 1e9));
    result_.notes.push_back(pinning_.Describe());
    return std::move(result_);
  }

 private:
  std::uint64_t BudgetOf(double share) const {
    auto budget = static_cast<std::uint64_t>(share * static_cast<double>(models_.weight_bytes()));
    for (const MlpSpec& spec : models_.specs()) {
      budget = std::max(budget, spec.weight_bytes() * 2);  // a short set: one is a large part
    }
    return budget;
  }

  std::vector<std::size_t> Draw(std::size_t count) {
    std::vector<std::size_t> models(count);
    for (std::size_t& model : models) model = popularity_.Draw(random_);
    return models;
  }

  /// What capacity is measured with, and what makes up a part of it.
  std::vector<std::size_t> Mix(std::size_t count) { return popularity_.Mix(count, random_); }

  /// Loads of a closed loop against a replay of the same requests.
  Status Closed(const std::string& arm, ZooArm& server) {
    random_ = Random(options_.seed + 1);  // the same requests for every arm
    HADRON_RETURN_IF_ERROR(CompareLoads(arm + ", spaced", server, 1));
    for (const std::size_t outstanding : plan_.outstanding) {
      HADRON_RETURN_IF_ERROR(
          CompareLoads(fmt::format("{}, {} waiting", arm, outstanding), server, outstanding));
    }
    return {};
  }

  Status CompareLoads(const std::string& label, ZooArm& server, std::size_t outstanding) {
    const std::vector<std::size_t> requests = Draw(plan_.requests);
    HADRON_ASSIGN_OR_RETURN(const ZooArm::Seen seen, server.Closed(requests, outstanding));
    Replay replay{requests, {}, budget_};
    for (const MlpSpec& spec : models_.specs()) replay.sizes.push_back(spec.weight_bytes());
    const ReplayCost best = Clairvoyant(replay);
    Ratio loads{label, "clairvoyant", {seen.loads / static_cast<double>(best.loads)}, {},
                {},    "loads"};
    const double thousand = static_cast<double>(requests.size()) / 1000;
    loads.context = {
        {"loads_per_1000", {seen.loads / thousand}},
        {"clairvoyant_per_1000", {static_cast<double>(best.loads) / thousand}},
        {"bound_per_1000", {static_cast<double>(LowerBoundOfLoads(replay)) / thousand}},
        {"lru_replay_per_1000",
         {static_cast<double>(Serve(replay, Victim::kLeastRecent).loads) / thousand}},
        {"requests_per_s", {seen.per_second}},
        {"longest_ms", {seen.traffic.percentile_us(1.0) / 1e3}}};
    Ratio bytes{label, "clairvoyant", {seen.loaded_bytes / static_cast<double>(best.bytes)}, {},
                {},    "loaded_bytes"};
    result_.ratios.push_back(std::move(loads));
    result_.ratios.push_back(std::move(bytes));
    return {};
  }

  Status OpenLoops(const PlayedCard& card) {
    const PlayedCard large{3 * models_.weight_bytes(), plan_.copy_rate};
    double capacity = 0;
    TrafficResult peer;
    {
      HADRON_ASSIGN_OR_RETURN(const auto resident,
                              ZooArm::Start(options_, models_, large, pinning_.server_cpus()));
      HADRON_ASSIGN_OR_RETURN(const ZooArm::Seen closed, resident->Closed(Mix(plan_.requests), 32));
      capacity = closed.per_second;
      HADRON_ASSIGN_OR_RETURN(peer, resident->Open(Arrivals(0.7 * capacity, plan_.open_s)));
    }
    HADRON_ASSIGN_OR_RETURN(const auto product,
                            ZooArm::Start(options_, models_, card, pinning_.server_cpus()));
    HADRON_ASSIGN_OR_RETURN(const TrafficResult ours,
                            product->Open(Arrivals(0.7 * capacity, plan_.open_s)));
    const double window = plan_.open_s * 1e6;
    Ratio completed{"open loop, load 0.7", "offered", {CompletedShare(ours, window)}, {}, {},
                    "completed",           true};
    completed.context = {{"resident_completed", {CompletedShare(peer, window)}},
                         {"resident_per_s", {capacity}},
                         {"refused", {static_cast<double>(ours.refused())}}};
    Ratio p99{"open loop, load 0.7",
              "resident",
              {ours.percentile_us(0.99) / peer.percentile_us(0.99)},
              {ours.percentile_us(0.99)},
              {peer.percentile_us(0.99)},
              "p99"};
    for (Ratio* ratio : {&completed, &p99}) {
      if (ours.generator_bound() || peer.generator_bound()) ratio->doubt = "generator bound";
      result_.ratios.push_back(std::move(*ratio));
    }
    return {};
  }

  /// What a request of the overload takes, with its model there and on the whole.
  struct Costs {
    double capacity = 0;  ///< requests a second with everything resident
    double compute_us = 0;
    double restore_us = 0;  ///< a mean one
  };
  Status Measure(ZooArm& resident, ZooArm& product, Costs& costs) {
    HADRON_ASSIGN_OR_RETURN(const ZooArm::Seen closed, resident.Closed(Mix(plan_.requests), 32));
    costs.capacity = closed.per_second;
    const std::vector<std::size_t> probes = Draw(std::min(kProbes, plan_.requests));
    HADRON_ASSIGN_OR_RETURN(const ZooArm::Seen there, resident.Closed(probes, 1));
    HADRON_ASSIGN_OR_RETURN(const ZooArm::Seen away, product.Closed(probes, 1));
    costs.compute_us = 1e6 / there.per_second;
    costs.restore_us = (1e6 / away.per_second - costs.compute_us) *
                       static_cast<double>(probes.size()) / std::max(1.0, away.loads);
    return {};
  }

  /// Load 0.6, then 1.5 for a while, then 0.6 again; what capacity is, is asked before and after.
  Status Overload() {
    HADRON_RETURN_IF_ERROR(models_.AskRows(plan_.overload_rows));
    const PlayedCard card{BudgetOf(kOverloadShare), kOverloadRate};
    const PlayedCard large{3 * models_.weight_bytes(), kOverloadRate};
    const std::vector<int> cpus = pinning_.server_cpus();
    HADRON_ASSIGN_OR_RETURN(const auto product, ZooArm::Start(options_, models_, card, cpus));
    HADRON_ASSIGN_OR_RETURN(const auto resident, ZooArm::Start(options_, models_, large, cpus));
    const double calm_us = 2 * plan_.overload_s * 1e6;
    const OverloadSpan span{calm_us, calm_us + plan_.overload_s * 1e6,
                            std::min(1e6, plan_.overload_s / 3 * 1e6)};
    Ratio back{"overload of 1.5", "its length", {}, {}, {}, "recovery"};
    int dropped = 0;
    while (std::ssize(back.ratios) < plan_.overloads) {
      Costs costs;
      HADRON_RETURN_IF_ERROR(Measure(*resident, *product, costs));
      HADRON_ASSIGN_OR_RETURN(const TrafficResult seen,
                              product->Open(OverloadArrivals(costs.capacity, span)));
      HADRON_ASSIGN_OR_RETURN(const ZooArm::Seen after, resident->Closed(Mix(plan_.requests), 32));
      const bool steady = std::abs(after.per_second / costs.capacity - 1) <= kSteady;
      if ((!steady || seen.generator_bound()) && dropped < plan_.most_dropped) {
        ++dropped;
        continue;
      }
      AddOverload(seen, span, costs, back);
      if (!steady) back.doubt = "the machine's speed changed";
    }
    back.context.push_back({"dropped_count", {static_cast<double>(dropped)}});
    result_.ratios.push_back(std::move(back));
    result_.notes.push_back(
        fmt::format("overload: {} rows a request, budget {} MiB, copies at {:.1f} GB/s",
                    plan_.overload_rows, card.bytes >> 20U, kOverloadRate / 1e9));
    return {};
  }

  std::vector<Traffic::Arrival> OverloadArrivals(double capacity, const OverloadSpan& span) {
    std::vector<Traffic::Arrival> arrivals;
    double begin_us = 0;
    for (const auto& [load, end_us] : {std::pair(0.6, span.begin_us),
                                       {1.5, span.end_us},
                                       {0.6, span.end_us + 2 * span.begin_us}}) {
      for (Traffic::Arrival arrival : Arrivals(load * capacity, (end_us - begin_us) / 1e6)) {
        arrival.at_us += begin_us;
        arrivals.push_back(arrival);
      }
      begin_us = end_us;
    }
    return arrivals;
  }

  void AddOverload(const TrafficResult& seen, const OverloadSpan& span, const Costs& costs,
                   Ratio& back) {
    const Recovery recovery = RecoveryOf(TimesOf(seen), span);
    const double length_us = span.end_us - span.begin_us;
    // Never: at least until the end.
    const double end_us = seen.outcomes.empty() ? 0 : seen.outcomes.back().intended_us;
    const double after_us = recovery.after_us < 0 ? end_us - span.end_us : recovery.after_us;
    back.ratios.push_back(after_us / length_us);
    back.ours_us.push_back(after_us);
    back.peer_us.push_back(length_us);
    const std::array<std::pair<const char*, double>, 5> context = {
        {{"p99_before_us", recovery.p99_before_us},
         {"p99_peak_us", recovery.p99_peak_us},
         {"compute_us", costs.compute_us},
         {"restore_us", costs.restore_us},
         {"refused", static_cast<double>(seen.refused())}}};
    back.context.resize(context.size());
    for (std::size_t i = 0; i < context.size(); ++i) {
      back.context[i].first = context[i].first;
      back.context[i].second.push_back(context[i].second);
    }
    if (seen.generator_bound()) back.doubt = "generator bound";
    if (recovery.p99_before_us > length_us / 4) back.doubt = "load 0.6 was too much already";
    if (recovery.p99_peak_us < 3 * recovery.p99_before_us) back.doubt = "1.5 was no overload";
    if (recovery.after_us < 0) result_.notes.push_back("overload of 1.5: p99 did not come back");
  }

  std::vector<Traffic::Arrival> Arrivals(double per_second, double seconds) {
    std::vector<Traffic::Arrival> arrivals =
        PoissonArrivals(per_second, seconds, random_(), [] { return std::size_t{0}; });
    const std::vector<std::size_t> models = Mix(arrivals.size());
    for (std::size_t i = 0; i < models.size(); ++i) arrivals[i].model = models[i];
    return arrivals;
  }

  const ServedOptions options_;
  const Plan plan_;
  ServedModels& models_;
  const Pinning pinning_;
  Random random_;
  const Zipf popularity_;
  const std::uint64_t budget_;
  std::unique_ptr<ZooArm> product_;
  CaseResult result_;
};

}  // namespace

StatusOr<CaseResult> RunZooCase(const ServedOptions& options) {
  Plan plan = PlanOf(options);
  HADRON_ASSIGN_OR_RETURN(ServedModels models, ServedModels::Make(plan.set));
  return Zoo(options, std::move(plan), models).Run();
}

}  // namespace hadron::bench
