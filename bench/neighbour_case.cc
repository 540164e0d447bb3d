// Cases `neighbour` and `mixed`: a person's requests beside somebody else's long runs.
#include <fmt/format.h>

#include <algorithm>

#include "bench/engine_load.h"
#include "bench/model_runner.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

using tenancy::WorkClass;

constexpr double kBound = 0.005;  ///< --preempt-after-us

/// The longest single step of a model at so many rows, seconds: what cannot be cut.
base::StatusOr<double> LongestStep(const EngineRig& rig, const RigModel& model, std::size_t index,
                                   std::int64_t rows, int threads) {
  HADRON_ASSIGN_OR_RETURN(auto runner, ModelRunner::Load(model.path, rows, threads));
  std::vector<std::string> inputs;
  for (const auto& input : rig.Request(index, rows, 1).inputs) {
    inputs.push_back(input.bytes.ToString());
  }
  HADRON_RETURN_IF_ERROR(runner->SetInputs(inputs));
  HADRON_ASSIGN_OR_RETURN(const auto steps, runner->Profile(5));
  double longest = 0;
  for (const plan::StepTime& step : steps) longest = std::max(longest, step.median * 1e-6);
  return longest;
}

struct Setting {
  std::string label;
  std::size_t outstanding = 1;  ///< of the other tenant
  std::int64_t rows = 1;        ///< of its requests
  WorkClass others_class = WorkClass::kBatch;
  const char* throughput = "";
};

class Neighbours {
 public:
  Neighbours(const ServingOptions& options, EngineRig& rig, Setting setting)
      : options_(options), rig_(rig), setting_(std::move(setting)) {}

  /// Interactive work on model 0 at load 0.2, the other tenant's on model 1.
  base::StatusOr<CaseResult> Run(double longest_step) {
    const double exec = AloneSeconds(rig_, 0, 1, options_.smoke() ? 3 : 20);
    const double bound = std::max(kBound, longest_step);
    Ratio latency{setting_.label + ", less one bound", "alone", {}, {}, {}, "p99"};
    Ratio rest{setting_.label + ", the other", setting_.throughput, {}, {}, {}, "throughput", true};
    const double seconds = options_.seconds(12);
    for (int round = 0; round < options_.rounds(); ++round) {
      const auto person = Person(0.2 / exec);
      const auto alone = RunLoad(rig_, {person}, seconds, seconds / 6, options_.seed);
      const auto both = RunLoad(rig_, {person, Other()}, seconds, seconds / 6, options_.seed);
      const auto other = RunLoad(rig_, {Other()}, seconds / 2, seconds / 12, options_.seed);
      const double p99_alone = LatencyAt(alone, 0, 0.99);
      const double p99 = LatencyAt(both, 0, 0.99);
      latency.ratios.push_back((p99 - bound) / p99_alone);
      latency.ours_us.push_back(p99 * 1e6);
      latency.peer_us.push_back(p99_alone * 1e6);
      const double full = Goodput(other, 0, 1e9, seconds * 5 / 12);
      rest.ratios.push_back(Goodput(both, 1, 1e9, seconds * 5 / 6) / (full * (1 - 0.2)));
    }
    CaseResult result{{std::move(latency), std::move(rest)}, {}};
    result.notes.push_back(
        fmt::format("alone {:.1f} ms a request; bound {:.1f} ms (longest step "
                    "{:.1f} ms)",
                    exec * 1e3, bound * 1e3, longest_step * 1e3));
    return result;
  }

 private:
  LoadStream Person(double per_second) {
    LoadStream stream;
    stream.per_second = per_second;
    stream.make = [this](std::uint64_t number) {
      serving::InferenceRequest request = rig_.Request(0, 1, number % 4);
      request.identity.tenant = &person_;
      return request;
    };
    return stream;
  }
  LoadStream Other() {
    LoadStream stream;
    stream.outstanding = setting_.outstanding;
    auto made = std::make_shared<serving::InferenceRequest>(rig_.Request(1, setting_.rows, 1));
    stream.make = [this, made](std::uint64_t) {
      serving::InferenceRequest request;
      request.model = made->model;
      request.rows = made->rows;
      request.inputs = made->inputs;
      request.identity.tenant = &other_;
      request.work_class = setting_.others_class;
      return request;
    };
    return stream;
  }

  const ServingOptions& options_;
  EngineRig& rig_;
  const Setting setting_;
  tenancy::Tenant person_{"person", {}};
  tenancy::Tenant other_{"other", {}};
};

}  // namespace

base::StatusOr<CaseResult> RunNeighbourCase(const ServingOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const RigModel conv, TopologyModel(options, "resnet50"));
  HADRON_ASSIGN_OR_RETURN(const RigModel gan, TopologyModel(options, "gan_conv3d"));
  HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make({conv, gan}, options.threads));
  HADRON_ASSIGN_OR_RETURN(const double step, LongestStep(*rig, gan, 1, 4, options.threads));
  Setting setting{"resnet50 beside 256 of gan_conv3d", 256, 1, WorkClass::kBatch,
                  "capacity left by the first"};
  if (options.smoke()) setting.outstanding = 8;
  return Neighbours(options, *rig, std::move(setting)).Run(step);
}

base::StatusOr<CaseResult> RunMixedCase(const ServingOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const RigModel conv, TopologyModel(options, "resnet50"));
  HADRON_ASSIGN_OR_RETURN(const MadeModels made, MadeModels::Make({"mlp-128"}, options));
  RigModel mlp = made.models()[0];
  HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make({conv, mlp}, options.threads));
  HADRON_ASSIGN_OR_RETURN(const double step, LongestStep(*rig, mlp, 1, 64, options.threads));
  return Neighbours(options, *rig,
                    {"resnet50 beside batches of mlp-128", 4, 64, WorkClass::kBatch,
                     "0.8 of its throughput alone"})
      .Run(step);
}

}  // namespace hadron::bench
