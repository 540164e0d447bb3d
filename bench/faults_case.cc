#include "bench/faults_case.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "bench/origin.h"
#include "bench/pinning.h"
#include "bench/traffic.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLoads = 4;

struct Plan {
  int rounds;
  std::size_t models;
  std::vector<double> rates;
};

Plan PlanOf(const std::string& profile) {
  if (profile == "smoke") return {1, 8, {0.1}};
  if (profile == "full") return {5, 100, {0.01, 0.1}};
  return {3, 60, {0.01, 0.1}};
}

struct Sample {
  double wall_s = 0;
  std::size_t ready = 0;
  std::vector<std::string> failures;
  Origin::Counts counts;
};

/// Loads every model with the store as it is, and holds what those that are ready answer against
/// the reference.
StatusOr<Sample> LoadAll(const ServedOptions& options, Origin& origin,
                         const std::vector<Payload>& payloads, double fault_rate,
                         const std::vector<int>& cpus) {
  OriginBehaviour behaviour;
  origin.Behave(behaviour);  // the start is not what is measured
  HADRON_ASSIGN_OR_RETURN(const auto server,
                          ServerUnderTest::Start({options.server,
                                                  {"--model-repository=" + origin.url(),
                                                   "--model-control-mode=explicit"},
                                                  Origin::Environment(),
                                                  cpus}));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  std::vector<std::string> names;
  for (const Payload& payload : payloads) names.push_back(payload.model);
  behaviour.fault_rate = fault_rate;
  origin.Behave(behaviour);
  const auto begin = Clock::now();
  const std::vector<Status> answers = server->LoadAll(names, kLoads);
  Sample sample;
  sample.wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
  sample.counts = origin.counts();
  std::vector<Payload> ready;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].ok()) {
      ready.push_back(payloads[i]);
    } else {
      sample.failures.push_back(answers[i].message());
    }
  }
  sample.ready = ready.size();
  Traffic traffic(server->port(), ready);
  std::size_t next = 0;
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(1, [&] {
    return next < ready.size() ? std::optional(next++) : std::nullopt;
  }));
  if (result.refused() == 0) return sample;
  return base::Unavailable("a model that is loaded does not answer: " + result.first_refusal);
}

std::string FaultsOf(const Origin::Counts& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.faults.size(); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", Origin::FaultName(i), counts.faults[i]);
  }
  return text;
}

}  // namespace

StatusOr<CaseResult> RunFaultsCase(const ServedOptions& options) {
  const Pinning pinning;
  const Plan plan = PlanOf(options.profile);
  HADRON_ASSIGN_OR_RETURN(const auto specs, ModelSet({"zoo100", options.seed, 32, plan.models}));
  Origin origin(options.seed);
  std::vector<Payload> payloads;
  for (const MlpSpec& spec : specs) {
    origin.PutModel(spec);
    payloads.push_back(MlpPayload(spec, 1));
  }
  CaseResult result;
  for (const double rate : plan.rates) {
    const std::string label = fmt::format("{} models, {:.0f} % faults", plan.models, rate * 100);
    Ratio time{label, "no faults", {}, {}, {}, "time"};
    Ratio failed{label, "nothing", {}, {}, {}, "failed_loads"};
    std::vector<double> faults;
    for (int round = 0; round < plan.rounds; ++round) {
      HADRON_ASSIGN_OR_RETURN(const Sample clean,
                              LoadAll(options, origin, payloads, 0, pinning.server_cpus()));
      HADRON_ASSIGN_OR_RETURN(const Sample faulty,
                              LoadAll(options, origin, payloads, rate, pinning.server_cpus()));
      if (!clean.failures.empty()) return base::Unavailable(clean.failures[0]);
      time.ours_us.push_back(faulty.wall_s * 1e6);
      time.peer_us.push_back(clean.wall_s * 1e6);
      time.ratios.push_back(faulty.wall_s / clean.wall_s);
      failed.ratios.push_back(static_cast<double>(faulty.failures.size()));
      double sum = 0;
      for (const std::uint64_t count : faulty.counts.faults) sum += static_cast<double>(count);
      faults.push_back(sum);
      if (round == 0) result.notes.push_back(label + ": " + FaultsOf(faulty.counts));
      for (const std::string& failure : faulty.failures) result.notes.push_back(failure);
    }
    time.context = {{"faults", faults}};
    result.ratios.push_back(std::move(time));
    result.ratios.push_back(std::move(failed));
  }
  result.notes.push_back(pinning.Describe());
  return result;
}

}  // namespace hadron::bench
