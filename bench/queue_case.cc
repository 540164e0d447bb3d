// Case `queue`: one request outstanding, with and without the batcher, against the bare executor.
#include <fmt/format.h>

#include "bench/model_runner.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

constexpr const char* kOff = "parameters { key: 'hadron.batching' value { string_value: 'off' } }";

base::StatusOr<double> DirectSeconds(ModelRunner& runner, const EngineRig& rig, int runs) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const base::TimePoint begin = rig.clock().Now();
    HADRON_RETURN_IF_ERROR(runner.Run().status());
    times.push_back(std::chrono::duration<double>(rig.clock().Now() - begin).count());
  }
  return Median(times);
}

/// One model, with batching and without, and the executor alone.
base::Status Measure(const ServingOptions& options, RigModel model, CaseResult& result) {
  RigModel plain = model;
  plain.name += "_plain";
  plain.config = kOff;
  HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make({model, plain}, options.threads));
  HADRON_ASSIGN_OR_RETURN(auto runner, ModelRunner::Load(model.path, 1, options.threads));
  std::vector<std::string> inputs;
  for (const auto& input : rig->Request(0, 1, 1).inputs) inputs.push_back(input.bytes.ToString());
  HADRON_RETURN_IF_ERROR(runner->SetInputs(inputs));
  const int requests = options.smoke() ? 50 : 2000;
  Ratio queue{model.name + ", 1 outstanding", "direct", {}, {}, {}, "p50"};
  Ratio batcher{model.name + ", dynamic batching", "off", {}, {}, {}, "p50"};
  std::vector<double> added;
  for (int round = -1; round < options.rounds(); ++round) {  // the first warms up
    HADRON_ASSIGN_OR_RETURN(const double direct, DirectSeconds(*runner, *rig, requests));
    const double with = AloneSeconds(*rig, 0, 1, requests);
    const double without = AloneSeconds(*rig, 1, 1, requests);
    if (round < 0) continue;
    queue.ratios.push_back(with / direct);
    queue.ours_us.push_back(with * 1e6);
    queue.peer_us.push_back(direct * 1e6);
    added.push_back((with - direct) * 1e6);
    batcher.ratios.push_back(with / without);
    batcher.ours_us.push_back(with * 1e6);
    batcher.peer_us.push_back(without * 1e6);
  }
  queue.context = {{"p50_added_us", added}};
  // Judged as a number of microseconds, whatever the model takes.
  Ratio microseconds{model.name + ", 1 outstanding", "80 us", {}, {}, {}, "p50_added"};
  for (const double us : added) microseconds.ratios.push_back(us / 80);
  result.ratios.push_back(std::move(queue));
  result.ratios.push_back(std::move(microseconds));
  result.ratios.push_back(std::move(batcher));
  return {};
}

}  // namespace

base::StatusOr<CaseResult> RunQueueCase(const ServingOptions& options) {
  CaseResult result;
  HADRON_ASSIGN_OR_RETURN(const MadeModels made, MadeModels::Make({"mlp-1"}, options));
  HADRON_RETURN_IF_ERROR(
      Measure(options, {"simple", options.repository + "/simple/1/model.onnx"}, result));
  HADRON_RETURN_IF_ERROR(Measure(options, made.models()[0], result));
  return result;
}

}  // namespace hadron::bench
