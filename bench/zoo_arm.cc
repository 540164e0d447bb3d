#include "bench/zoo_arm.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace hadron::bench {

using base::StatusOr;

namespace {

constexpr int kOk = 200;
constexpr const char* kRestores = "hadron_model_restores_total";

}  // namespace

StatusOr<std::unique_ptr<ZooArm>> ZooArm::Start(const ServedOptions& options,
                                                const ServedModels& models, const PlayedCard& card,
                                                const std::vector<int>& cpus) {
  HADRON_ASSIGN_OR_RETURN(auto server, StartOnCard(options, models, card, cpus));
  auto arm = std::unique_ptr<ZooArm>(new ZooArm(std::move(server), models));
  std::vector<std::size_t> each(models.specs().size());
  std::iota(each.begin(), each.end(), std::size_t{0});
  HADRON_RETURN_IF_ERROR(arm->Closed(each, 1).status());
  return arm;
}

StatusOr<std::vector<double>> ZooArm::Loads() {
  HADRON_ASSIGN_OR_RETURN(const auto metrics, server_->Metrics());
  std::vector<double> loads(models_.specs().size());
  bool exported = false;
  for (const auto& [series, value] : metrics) {
    if (!series.starts_with(kRestores)) continue;
    exported = true;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      if (series.find(fmt::format("model=\"{}\"", models_.specs()[i].name)) != series.npos) {
        loads[i] += value;
      }
    }
  }
  if (exported) return loads;
  return base::Unavailable(fmt::format("the server does not export {}", kRestores));
}

StatusOr<ZooArm::Seen> ZooArm::Closed(const std::vector<std::size_t>& requests,
                                      std::size_t outstanding) {
  HADRON_ASSIGN_OR_RETURN(const std::vector<double> before, Loads());
  std::size_t next = 0;
  HADRON_ASSIGN_OR_RETURN(TrafficResult result, traffic_.Closed(outstanding, [&] {
    return next < requests.size() ? std::optional(requests[next++]) : std::nullopt;
  }));
  if (result.refused() > 0) return base::Unavailable(result.first_refusal);
  HADRON_ASSIGN_OR_RETURN(const std::vector<double> after, Loads());
  Seen seen;
  for (std::size_t i = 0; i < after.size(); ++i) {
    seen.loads += after[i] - before[i];
    seen.loaded_bytes +=
        (after[i] - before[i]) * static_cast<double>(models_.specs()[i].weight_bytes());
  }
  seen.per_second = static_cast<double>(requests.size()) / result.wall_us * 1e6;
  seen.traffic = std::move(result);
  return seen;
}

double CompletedShare(const TrafficResult& result, double window_us) {
  double offered = 0;
  double completed = 0;
  for (const Outcome& outcome : result.outcomes) {
    if (outcome.intended_us > 0.98 * window_us) continue;
    ++offered;
    completed += outcome.status == kOk && outcome.done_us < window_us ? 1 : 0;
  }
  return completed / std::max(1.0, offered);
}

std::vector<TimedRequest> TimesOf(const TrafficResult& result) {
  std::vector<TimedRequest> times;
  for (const Outcome& outcome : result.outcomes) {
    times.push_back({outcome.intended_us, outcome.latency_us()});
  }
  return times;
}

}  // namespace hadron::bench
