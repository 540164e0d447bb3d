#include "bench/front_case.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <limits>

#include "bench/front_measure.h"
#include "bench/front_servers.h"
#include "bench/pinning.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kBig = 16UL << 20U;
constexpr int kMemoryRounds = 3;
constexpr double kGeneratorBound = 0.85;

struct Plan {
  Pace pace;
  std::vector<Payload> payloads;  ///< the first is small
};

Plan PlanOf(const std::string& profile) {
  const LoadLimits warm{1, 200, 0.5};
  Plan plan{{5, warm, {3, kAnyNumber, 0.2}}, {IdentityPayload("64 B", 16)}};
  if (profile == "smoke") {
    plan.pace = {1, {1, 1, 0}, {50, 50, 0}};
    plan.payloads.push_back(SimplePayload());
    return plan;
  }
  plan.payloads.push_back(IdentityPayload("64 KiB", 16L << 10U));
  if (profile == "full") {
    plan.pace = {9, warm, {3, kAnyNumber, 0.3}};
    plan.payloads.push_back(SimplePayload());
    plan.payloads.push_back(IdentityPayload("16 MiB", 4L << 20U));
  }
  return plan;
}

/// Fewer of the big ones: every request in flight is held several times by server and generator.
int ManyOutstanding(const Payload& payload) { return payload.bytes() < kBig ? 16 : 4; }

std::vector<double> Column(const std::vector<Sample>& samples, double Sample::*field) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(sample.*field);
  return values;
}

template <typename Operation>
std::vector<double> Each(const std::vector<double>& a, const std::vector<double>& b,
                         Operation operation) {
  std::vector<double> values;
  for (std::size_t i = 0; i < a.size(); ++i) values.push_back(operation(a[i], b[i]));
  return values;
}

/// CPU time per request over the floor's; with one request outstanding also how much longer an
/// answer takes.
Ratio CpuRow(const std::string& label, const Arm& floor, const std::vector<Sample>& ours,
             const std::vector<Sample>& peer, bool alone) {
  Ratio row{label, floor.name, {}, Column(ours, &Sample::cpu_us), Column(peer, &Sample::cpu_us)};
  row.metric = "cpu";
  row.ratios = Each(row.ours_us, row.peer_us, std::divides<>());
  if (!alone) return row;
  const auto difference = [&](double Sample::*field) {
    return Each(Column(ours, field), Column(peer, field), std::minus<>());
  };
  row.context = {{"p50_difference_us", difference(&Sample::p50_us)},
                 {"p99_difference_us", difference(&Sample::p99_us)}};
  return row;
}

/// Answers per second over the floor's, and how busy the generator was.
Ratio ThroughputRow(const std::string& label, const Arm& floor, const std::vector<Sample>& ours,
                    const std::vector<Sample>& peer) {
  Ratio row{label, floor.name, {}, Column(ours, &Sample::wall_us), Column(peer, &Sample::wall_us)};
  row.metric = "throughput";
  row.higher_is_better = true;
  row.ratios = Each(row.peer_us, row.ours_us, std::divides<>());
  row.context = {{"generator_share", Column(ours, &Sample::generator_share)},
                 {"peer_generator_share", Column(peer, &Sample::generator_share)}};
  return row;
}

/// Bytes per second over the rate of memcpy: one over it is how many copies fit into the time.
Ratio MemcpyRow(const std::string& label, const std::vector<Arm>& arms,
                const Measurement& measurement) {
  Ratio row{
      label, "memcpy", {}, Column(measurement.arms[0], &Sample::wall_us), measurement.memcpy_us};
  row.metric = "byte_rate";
  row.higher_is_better = true;
  row.ratios = Each(row.peer_us, row.ours_us, std::divides<>());
  for (std::size_t i = 1; i < arms.size(); ++i) {
    row.context.emplace_back(arms[i].name + "_ratio",
                             Each(measurement.memcpy_us,
                                  Column(measurement.arms[i], &Sample::wall_us), std::divides<>()));
  }
  return row;
}

void AddRows(const Combination& combination, const std::vector<Arm>& arms,
             const Measurement& measurement, std::vector<Ratio>& rows) {
  const std::string label = combination.Label();
  const std::vector<Sample>& ours = measurement.arms[0];
  const bool alone = combination.outstanding == 1;
  for (std::size_t i = 1; i < arms.size(); ++i) {
    rows.push_back(CpuRow(label, arms[i], ours, measurement.arms[i], alone));
    if (!alone) rows.push_back(ThroughputRow(label, arms[i], ours, measurement.arms[i]));
  }
  if (alone && combination.payload->bytes() >= kBig) {
    rows.push_back(MemcpyRow(label, arms, measurement));
  }
}

/// Where the generator was the limit, the floor could have done more: the ratio flatters us.
void NoteGeneratorBound(CaseResult& result) {
  std::vector<std::string> rows;
  for (const Ratio& row : result.ratios) {
    if (row.metric != "throughput") continue;
    const bool bound = std::ranges::any_of(
        row.context, [](const auto& share) { return Median(share.second) > kGeneratorBound; });
    if (bound) rows.push_back(row.what + " " + row.peer);
  }
  if (rows.empty()) return;
  result.notes.push_back(fmt::format("throughput bound by the generator, the ratio flatters: {}",
                                     fmt::join(rows, ", ")));
}

/// The run of a case.
class Front {
 public:
  Front(Plan plan, FrontServers& servers) : plan_(std::move(plan)), servers_(servers) {}

  StatusOr<CaseResult> Run() {
    for (const Payload& payload : plan_.payloads) {
      for (const Protocol protocol : kProtocols) {
        HADRON_RETURN_IF_ERROR(SkipIfTooBig(protocol, payload, Compare(protocol, payload)));
      }
    }
    return std::move(result_);
  }

 private:
  Status Compare(Protocol protocol, const Payload& payload) {
    const std::vector<Arm> arms = servers_.ArmsOf(protocol);
    for (const int outstanding : {1, ManyOutstanding(payload)}) {
      const Combination combination{protocol, &payload, outstanding};
      HADRON_ASSIGN_OR_RETURN(const Measurement measurement,
                              Measure(arms, combination, plan_.pace));
      AddRows(combination, arms, measurement, result_.ratios);
    }
    return payload.bytes() >= kBig ? CompareMemory(protocol, payload, arms) : Status();
  }

  Status CompareMemory(Protocol protocol, const Payload& payload, const std::vector<Arm>& arms) {
    Ratio row{Combination{protocol, &payload, 1}.Label(), "payload", {}, {}, {}, "peak_rss"};
    for (std::size_t i = 0; i < arms.size(); ++i) {
      std::vector<double> growth;
      for (int round = 0; round < kMemoryRounds; ++round) {
        auto one = PeakGrowth(servers_, arms[i], protocol, plan_.payloads.front(), payload);
        if (one.code() == base::StatusCode::kPermissionDenied) {
          result_.notes.push_back(fmt::format("{} peak_rss: skipped, {}", row.what, one.message()));
          return {};
        }
        HADRON_RETURN_IF_ERROR(one.CloneStatus());
        growth.push_back(*one);
      }
      if (i == 0) {
        row.ratios = std::move(growth);
      } else {
        row.context.emplace_back(arms[i].name + "_ratio", std::move(growth));
      }
    }
    result_.ratios.push_back(std::move(row));
    return {};
  }

  /// A big tensor is several times as long in JSON: the server's limits may refuse it.
  Status SkipIfTooBig(Protocol protocol, const Payload& payload, Status status) {
    const bool may_refuse = protocol == Protocol::kRestJson && payload.bytes() >= kBig;
    if (!may_refuse || status.code() != base::StatusCode::kUnavailable) return status;
    result_.notes.push_back("skipped: " + status.message());
    return {};
  }

  const Plan plan_;
  FrontServers& servers_;
  CaseResult result_;
};

}  // namespace

StatusOr<CaseResult> RunFrontCase(const FrontOptions& options) {
  const Pinning pinning;
  Plan plan = PlanOf(options.profile);
  HADRON_ASSIGN_OR_RETURN(
      auto servers, FrontServers::Start(options.server, pinning.server_cpus(), plan.payloads));
  HADRON_ASSIGN_OR_RETURN(CaseResult result, Front(std::move(plan), *servers).Run());
  NoteGeneratorBound(result);
  result.notes.push_back(pinning.Describe());
  result.notes.push_back(
      "outstanding: REST connections, gRPC calls of one channel, or streams of one channel; "
      "payloads of 16 MiB go up to 4");
  return result;
}

}  // namespace hadron::bench
