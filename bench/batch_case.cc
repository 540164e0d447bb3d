// Case `batch`: single rows against the best batches that a client could make of them.
#include <fmt/format.h>

#include <algorithm>

#include "bench/engine_load.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

constexpr const char* kOff = "parameters { key: 'hadron.batching' value { string_value: 'off' } }";

struct BestStatic {
  double rows_per_second = 0;
  std::int64_t rows = 1;
};

class BatchModel {
 public:
  BatchModel(const ServingOptions& options, EngineRig& rig, std::int64_t max_batch)
      : options_(options), rig_(rig), max_batch_(max_batch) {}

  /// Closed loop of two batches of each size, so that one runs while the next is handed over.
  BestStatic Sweep() {
    BestStatic best;
    for (std::int64_t rows = 1; rows <= max_batch_; rows *= 2) {
      const double rate = Static(rows);
      if (rate > best.rows_per_second) best = {rate, rows};
    }
    return best;
  }
  double Static(std::int64_t rows) {
    LoadStream stream{Make(1, rows), 2};
    const double seconds = options_.seconds(1.0);
    const auto served = RunLoad(rig_, {stream}, seconds, seconds / 4, options_.seed);
    return Goodput(served, 0, 1e9, seconds * 0.75);
  }
  /// The highest goodput over several offered loads.
  double BestGoodput(double capacity, double slo) {
    double best = 0;
    for (const double load : {0.8, 0.9, 0.95, 1.0}) {
      LoadStream stream{Make(0, 1), 0, load * capacity};
      const double seconds = options_.seconds(3.0);
      const auto served = RunLoad(rig_, {stream}, seconds, seconds / 3, options_.seed);
      if (LatencyAt(served, 0, 0.99) > slo) continue;
      best = std::max(best, Goodput(served, 0, slo, seconds * 2 / 3));
    }
    return best;
  }

 private:
  std::function<serving::InferenceRequest(std::uint64_t)> Make(std::size_t model,
                                                               std::int64_t rows) {
    // Made once: what it costs to draw numbers is not the engine's.
    auto request = std::make_shared<serving::InferenceRequest>(rig_.Request(model, rows, 1));
    return [request](std::uint64_t) {
      serving::InferenceRequest copy;
      copy.model = request->model;
      copy.rows = request->rows;
      copy.inputs = request->inputs;
      return copy;
    };
  }

  const ServingOptions& options_;
  EngineRig& rig_;
  const std::int64_t max_batch_;
};

base::Status Measure(const ServingOptions& options, RigModel model, CaseResult& result) {
  RigModel plain = model;
  plain.name += "_plain";
  plain.config = kOff;
  HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make({model, plain}, options.threads));
  const double slo = 5 * AloneSeconds(*rig, 0, 1, options.smoke() ? 5 : 50) + 0.002;
  BatchModel batch(options, *rig, model.max_batch);
  const BestStatic best = batch.Sweep();
  Ratio goodput{model.name + ", single rows", "best static batch", {}, {}, {}, "goodput", true};
  std::vector<double> rows;
  for (int round = 0; round < options.rounds(); ++round) {
    const double fixed = batch.Static(best.rows);
    const double ours = batch.BestGoodput(fixed, slo);
    goodput.ratios.push_back(ours / fixed);
    rows.push_back(static_cast<double>(best.rows));
  }
  goodput.context = {{"static_rows_count", rows}};
  result.ratios.push_back(std::move(goodput));
  result.notes.push_back(fmt::format("{}: answers within {:.1f} ms count", model.name, slo * 1e3));
  return {};
}

}  // namespace

base::StatusOr<CaseResult> RunBatchCase(const ServingOptions& options) {
  CaseResult result;
  HADRON_ASSIGN_OR_RETURN(const MadeModels made, MadeModels::Make({"mlp-8"}, options));
  HADRON_RETURN_IF_ERROR(Measure(options, made.models()[0], result));
  HADRON_RETURN_IF_ERROR(Measure(options, DigitsModel(options), result));
  HADRON_RETURN_IF_ERROR(Measure(options, GanModel(options), result));
  return result;
}

}  // namespace hadron::bench
