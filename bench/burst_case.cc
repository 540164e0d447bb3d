// Case `burst`: requests with deadlines that come in bursts; of what was accepted, who got what was
// promised.
#include <fmt/format.h>

#include "bench/engine_load.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

struct Kept {
  double promised = 0;
  double kept = 0;
  double offered = 0;
};

Kept Count(const std::vector<Served>& served) {
  Kept kept;
  for (const Served& one : served) {
    ++kept.offered;
    if (one.refusal == base::RefusalCause::kDeadline) continue;
    ++kept.promised;
    if (one.ok && one.done <= *one.deadline) ++kept.kept;
  }
  return kept;
}

}  // namespace

base::StatusOr<CaseResult> RunBurstCase(const ServingOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const MadeModels made, MadeModels::Make({"mlp-8"}, options));
  HADRON_ASSIGN_OR_RETURN(
      auto rig, EngineRig::Make({made.models()[0], DigitsModel(options), GanModel(options)},
                                options.threads));
  CaseResult result;
  std::vector<double> alone;
  for (std::size_t m = 0; m < 3; ++m) alone.push_back(AloneSeconds(*rig, m, 1, 50));
  for (const double burstiness : {1.0, 2.0, 4.0, 8.0}) {
    const std::string label = fmt::format("load 0.7, variation {:.0f}", burstiness);
    Ratio kept{label, "accepted", {}, {}, {}, "promises_kept", true};
    Ratio good{label, "offered", {}, {}, {}, "goodput", true};
    for (int round = 0; round < options.rounds(); ++round) {
      std::vector<LoadStream> streams;
      for (std::size_t m = 0; m < 3; ++m) {
        LoadStream stream;
        stream.make = [&rig, m](std::uint64_t number) { return rig->Request(m, 1, number % 8); };
        stream.per_second = 0.7 / 3 / alone[m];
        stream.burstiness = burstiness;
        stream.deadline = 5 * alone[m] + 0.002;
        streams.push_back(std::move(stream));
      }
      const double seconds = options.seconds(5);
      const Kept seen = Count(RunLoad(*rig, streams, seconds, seconds / 5,
                                      options.seed + static_cast<std::uint64_t>(round)));
      kept.ratios.push_back(seen.promised == 0 ? 1 : seen.kept / seen.promised);
      good.ratios.push_back(seen.kept / seen.offered);
    }
    result.ratios.push_back(std::move(kept));
    result.ratios.push_back(std::move(good));
  }
  return result;
}

}  // namespace hadron::bench
