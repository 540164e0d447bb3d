#include "bench/zoo_case.h"

#include <fmt/format.h>

#include <algorithm>
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

struct Plan {
  SetRequest set;
  std::size_t requests;  ///< of each closed loop
  std::vector<std::size_t> outstanding;
  double open_s;
  double overload_s;
  double copy_rate;
};

Plan PlanOf(const ServedOptions& options) {
  Plan plan{{"zoo100", options.seed}, 1000, {8, 32, 128}, 10, 3, 2e9};
  if (options.profile == "smoke") plan = {{"zoo100", options.seed, 4, 20}, 60, {8}, 0.5, 0.2, 4e9};
  if (options.profile == "full") plan = {{"zoo100", options.seed}, 4000, {8, 32, 128}, 30, 10, 2e9};
  if (options.scale > 0) plan.set.scale = options.scale;
  return plan;
}

class Zoo {
 public:
  Zoo(const ServedOptions& options, Plan plan, const ServedModels& models)
      : options_(options),
        plan_(std::move(plan)),
        models_(models),
        random_(options.seed),
        popularity_(models.specs().size(), 1.0, random_) {
    budget_ = static_cast<std::uint64_t>(kShare * static_cast<double>(models.weight_bytes()));
    for (const MlpSpec& spec : models.specs()) {
      budget_ = std::max(budget_, spec.weight_bytes() * 2);  // a short set: one is a large part
    }
  }

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
    result_.notes.push_back(fmt::format("{} models, {} MiB, budget {} MiB, copies at {:.1f} GB/s",
                                        models_.specs().size(), models_.weight_bytes() >> 20U,
                                        budget_ >> 20U, plan_.copy_rate / 1e9));
    result_.notes.push_back(pinning_.Describe());
    return std::move(result_);
  }

 private:
  std::vector<std::size_t> Draw(std::size_t count) {
    std::vector<std::size_t> models(count);
    for (std::size_t& model : models) model = popularity_.Draw(random_);
    return models;
  }

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
      HADRON_ASSIGN_OR_RETURN(const ZooArm::Seen closed,
                              resident->Closed(Draw(plan_.requests), 32));
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
    result_.ratios.push_back(std::move(completed));
    result_.ratios.push_back(std::move(p99));
    return Overload(*product, capacity);
  }

  /// Load 0.6, then 1.5 for a while, then 0.6 again.
  Status Overload(ZooArm& product, double capacity) {
    const double calm = 2 * plan_.overload_s;
    std::vector<Traffic::Arrival> arrivals = Arrivals(0.6 * capacity, calm);
    double begin = calm * 1e6;
    for (const auto& [load, seconds] : {std::pair(1.5, plan_.overload_s), {0.6, 2 * calm}}) {
      for (Traffic::Arrival arrival : Arrivals(load * capacity, seconds)) {
        arrival.at_us += begin;
        arrivals.push_back(arrival);
      }
      begin += seconds * 1e6;
    }
    HADRON_ASSIGN_OR_RETURN(const TrafficResult seen, product.Open(arrivals));
    const double end = (calm + plan_.overload_s) * 1e6;
    const Recovery recovery = RecoveryOf(seen, calm * 1e6, end, plan_.overload_s / 3 * 1e6);
    Ratio back{"overload of 1.5",
               "its length",
               {recovery.after_us / (plan_.overload_s * 1e6)},
               {recovery.after_us},
               {plan_.overload_s * 1e6},
               "recovery"};
    back.context = {{"p99_before_us", {recovery.p99_before_us}},
                    {"p99_after_us", {recovery.p99_after_us}},
                    {"refused", {static_cast<double>(seen.refused())}}};
    result_.ratios.push_back(std::move(back));
    if (recovery.p99_before_us > plan_.overload_s * 1e6 / 4) {
      result_.notes.push_back(
          "overload of 1.5: load 0.6 was too much already, recovery says nothing");
    }
    if (recovery.after_us < 0) result_.notes.push_back("overload of 1.5: p99 did not come back");
    return {};
  }

  std::vector<Traffic::Arrival> Arrivals(double per_second, double seconds) {
    return PoissonArrivals(per_second, seconds, random_(),
                           [this] { return popularity_.Draw(random_); });
  }

  const ServedOptions options_;
  const Plan plan_;
  const ServedModels& models_;
  const Pinning pinning_;
  Random random_;
  const Zipf popularity_;
  std::uint64_t budget_ = 0;
  std::unique_ptr<ZooArm> product_;
  CaseResult result_;
};

}  // namespace

StatusOr<CaseResult> RunZooCase(const ServedOptions& options) {
  Plan plan = PlanOf(options);
  HADRON_ASSIGN_OR_RETURN(const ServedModels models, ServedModels::Make(plan.set));
  return Zoo(options, std::move(plan), models).Run();
}

}  // namespace hadron::bench
