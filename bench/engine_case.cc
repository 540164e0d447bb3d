#include "bench/engine_case.h"

#include <fmt/format.h>

#include <chrono>

#include "bench/agreement.h"
#include "bench/model_runner.h"
#include "bench/ort_arm.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using Clock = std::chrono::steady_clock;

constexpr double kRoundSeconds = 0.5;
/// Runs of an arm's round that do not count: the other arm's threads go to sleep, caches fill.
constexpr int kUncounted = 10;

/// Mean nanoseconds of `count` runs.
StatusOr<double> TimeOurs(ModelRunner& runner, int count) {
  const auto begin = Clock::now();
  for (int i = 0; i < count; ++i) {
    auto outputs = runner.Run();
    if (!outputs.ok()) return std::move(outputs).status();
  }
  const std::chrono::duration<double, std::nano> elapsed = Clock::now() - begin;
  return elapsed.count() / count;
}

StatusOr<Ratio> Compare(const EngineOptions& options, const std::string& model, int batch,
                        OrtArm& ort) {
  const std::string path = options.repository + "/" + model + "/1/model.onnx";
  Ratio ratio{fmt::format("{} batch {}", model, batch), ort.version(), {}, {}, {}};
  HADRON_ASSIGN_OR_RETURN(auto runner, ModelRunner::Load(path, batch, options.threads));
  const std::vector<std::string> bytes = RandomInputs(runner->inputs());
  HADRON_RETURN_IF_ERROR(runner->SetInputs(bytes));
  HADRON_RETURN_IF_ERROR(ort.Open(path, options.threads, runner->inputs(), bytes));
  HADRON_ASSIGN_OR_RETURN(const auto ours, runner->Run());
  HADRON_ASSIGN_OR_RETURN(const auto theirs, ort.Outputs());
  HADRON_RETURN_IF_ERROR(CheckAgreement(ours, theirs, ratio.what));

  // Warm up both, and find how many runs fill a round.
  HADRON_ASSIGN_OR_RETURN(const double first, ort.Time(20));
  HADRON_RETURN_IF_ERROR(TimeOurs(*runner, 20).CloneStatus());
  const int count = std::max(10, static_cast<int>(kRoundSeconds * 1e9 / std::max(first, 1.0)));
  for (int round = 0; round < options.rounds; ++round) {
    double mine = 0;
    double other = 0;
    for (int arm = 0; arm < 2; ++arm) {
      if ((round + arm) % 2 == 0) {
        HADRON_RETURN_IF_ERROR(TimeOurs(*runner, kUncounted).CloneStatus());
        HADRON_ASSIGN_OR_RETURN(mine, TimeOurs(*runner, count));
      } else {
        HADRON_RETURN_IF_ERROR(ort.Time(kUncounted).CloneStatus());
        HADRON_ASSIGN_OR_RETURN(other, ort.Time(count));
      }
    }
    ratio.ratios.push_back(mine / other);
    ratio.ours_us.push_back(mine / 1e3);
    ratio.peer_us.push_back(other / 1e3);
  }
  return ratio;
}

}  // namespace

StatusOr<std::vector<Ratio>> RunEngineCase(const EngineOptions& options) {
  HADRON_ASSIGN_OR_RETURN(auto ort, OrtArm::Start(options.python));
  std::vector<Ratio> ratios;
  for (const std::string& model : options.models) {
    for (const int batch : options.batches) {
      auto ratio = Compare(options, model, batch, *ort);
      if (!ratio.ok()) return std::move(ratio).status().With(model);
      ratios.push_back(std::move(ratio).value());
    }
  }
  return ratios;
}

}  // namespace hadron::bench
