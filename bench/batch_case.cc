// Case `batch`: how much of what batches of the best fixed size would give comes of the batches
// that form themselves. Both arms are handed requests of one row, so that the batcher is measured
// and not what a request costs; what a client that makes the batches itself would get is shown
// beside it. Goodput is what is answered in time: at the highest load at which that is so for 99 of
// 100, and, of requests that say by when they want their answers, at any load.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "bench/engine_load.h"
#include "bench/pinning.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

constexpr const char* kOff = "parameters { key: 'hadron.batching' value { string_value: 'off' } }";

constexpr double kSeconds = 2;  ///< of a measurement

/// The model as it is served by default, as one that does not batch, and once for every fixed size
/// of a batch.
struct Arms {
  Arms(RigModel model, const std::vector<std::int64_t>& sizes) {
    RigModel plain = model;
    plain.name += "_plain";
    plain.config = kOff;
    models = {model, std::move(plain)};
    for (const std::int64_t size : sizes) {
      RigModel fixed = model;
      fixed.name += fmt::format("_{}", size);
      fixed.config = "dynamic_batching { }";
      fixed.max_batch = size;
      models.push_back(std::move(fixed));
    }
  }
  static constexpr std::size_t kTuned = 0;
  static constexpr std::size_t kPlain = 1;
  static constexpr std::size_t kFixed = 2;

  std::vector<RigModel> models;
};

std::vector<std::int64_t> Sizes(std::int64_t most) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t rows = 1; rows <= most; rows *= 2) sizes.push_back(rows);
  return sizes;
}

class BatchModel {
 public:
  BatchModel(const ServingOptions& options, EngineRig& rig, std::vector<std::int64_t> sizes)
      : options_(options), rig_(rig), sizes_(std::move(sizes)) {}

  /// Chooses the size with the highest throughput.
  std::int64_t Sweep() {
    double most = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const double rate = Fixed(i);
      if (rate <= most) continue;
      most = rate;
      best_ = i;
    }
    return sizes_[best_];
  }
  /// Rows a second in batches of the best size: so many requests that one batch runs, one is
  /// prepared, and one waits.
  double Fixed() { return Fixed(best_); }
  /// The same from a client that makes the batches.
  double FromClient() { return Closed(Arms::kPlain, sizes_[best_], 2); }
  /// The highest load whose answers are in time, but for one in a hundred: nobody is refused.
  double BestGoodput(double capacity, double slo) {
    double best = 0;
    for (const double load : {0.7, 0.8, 0.86, 0.9, 0.94, 0.97}) {
      const auto served = Open(load * capacity, std::nullopt);
      if (LatencyAt(served, 0, 0.99) > slo) continue;
      best = std::max(best, Goodput(served, 0, slo, options_.seconds(kSeconds)));
    }
    return best;
  }
  /// Answers in time of requests that say by when they want them: what cannot be done is refused.
  double BestKept(double capacity, double slo) {
    double best = 0;
    for (const double load : {0.97, 1.05, 1.15, 1.3}) {
      best =
          std::max(best, Goodput(Open(load * capacity, slo), 0, slo, options_.seconds(kSeconds)));
    }
    return best;
  }

 private:
  double Fixed(std::size_t i) {
    return Closed(Arms::kFixed + i, 1, static_cast<std::size_t>(3 * sizes_[i]));
  }
  std::vector<Served> Open(double per_second, std::optional<double> deadline) {
    LoadStream stream{Make(Arms::kTuned, 1), 0, per_second};
    stream.deadline = deadline;
    const double warm_up = options_.seconds(1.0);
    return RunLoad(rig_, {stream}, warm_up + options_.seconds(kSeconds), warm_up, options_.seed);
  }
  double Closed(std::size_t model, std::int64_t rows, std::size_t outstanding) {
    LoadStream stream{Make(model, rows), outstanding};
    const double seconds = options_.seconds(1.0);
    const auto served = RunLoad(rig_, {stream}, seconds, seconds / 4, options_.seed);
    return Goodput(served, 0, 1e9, seconds * 0.75);
  }
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
  const std::vector<std::int64_t> sizes_;
  std::size_t best_ = 0;
};

base::Status Measure(const ServingOptions& options, const RigModel& model, CaseResult& result) {
  const std::vector<std::int64_t> sizes = Sizes(model.max_batch);
  // The generator of so many requests needs a CPU of its own.
  const int half = static_cast<int>(std::thread::hardware_concurrency() / 2);
  const int threads = std::clamp(options.threads, 1, std::max(1, half));
  HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make(Arms(model, sizes).models, threads));
  const Pinning pinning;
  const double slo = 5 * AloneSeconds(*rig, Arms::kTuned, 1, options.smoke() ? 5 : 50) + 0.002;
  BatchModel batch(options, *rig, sizes);
  const auto best = static_cast<double>(batch.Sweep());
  Ratio goodput{model.name + ", single rows", "best static batch", {}, {}, {}, "goodput", true};
  Ratio kept = goodput;
  kept.what = model.name + ", single rows with deadlines";
  std::vector<double> fixed;
  std::vector<double> client;
  for (int round = 0; round < options.rounds(); ++round) {
    fixed.push_back(batch.Fixed());
    goodput.ratios.push_back(batch.BestGoodput(fixed.back(), slo) / fixed.back());
    kept.ratios.push_back(batch.BestKept(fixed.back(), slo) / fixed.back());
    client.push_back(batch.FromClient());
  }
  goodput.context = {{"static_rows_count", std::vector<double>(fixed.size(), best)},
                     {"static_rps", fixed},
                     {"client_batches_rps", client}};
  result.ratios.push_back(std::move(goodput));
  result.ratios.push_back(std::move(kept));
  result.notes.push_back(fmt::format("{}: answers within {:.1f} ms count, computed by {} threads",
                                     model.name, slo * 1e3, threads));
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
