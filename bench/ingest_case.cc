#include "bench/ingest_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bench/origin.h"
#include "bench/origin_floor.h"
#include "bench/pinning.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLoads = 4;            // the server's default
constexpr std::size_t kPerLoad = 8;          // connections of a download
constexpr std::uint64_t kPart = 8UL << 20U;  // and its ranges
constexpr double kConnectionRate = 50e6;

struct Size {
  std::size_t models;
  std::uint64_t kib;
};

struct Plan {
  int rounds;
  std::vector<Size> sizes;
  std::vector<int> delays_ms;
};

Plan PlanOf(const std::string& profile) {
  if (profile == "smoke") return {1, {{6, 64}}, {0}};
  if (profile == "full") return {5, {{1000, 64}, {100, 8192}, {4, 524288}}, {0, 20, 100}};
  return {3, {{200, 64}, {16, 8192}, {1, 262144}}, {0, 20}};
}

/// Models of one size: chains of 8 layers.
std::vector<MlpSpec> ModelsOf(const Size& size, std::uint64_t seed) {
  std::vector<MlpSpec> specs;
  SetRequest request{"mlp-1", seed, 1024.0 / static_cast<double>(size.kib)};
  const MlpSpec one = ModelSet(request)->front();
  for (std::size_t i = 0; i < size.models; ++i) {
    specs.push_back(one);
    specs.back().name = fmt::format("m{:04}", i);
    specs.back().seed = seed * 1000000 + i;
  }
  return specs;
}

/// What loading every model once took.
struct Sample {
  double wall_s = 0;
  double cpu_s = 0;
  double peak_bytes = 0;  ///< beyond the resident set before
  double requests = 0;
};

StatusOr<Sample> LoadAll(const ServedOptions& options, const Origin& origin,
                         const std::vector<std::string>& names, const std::vector<int>& cpus) {
  HADRON_ASSIGN_OR_RETURN(const auto server,
                          ServerUnderTest::Start({options.server,
                                                  {"--model-repository=" + origin.url(),
                                                   "--model-control-mode=explicit"},
                                                  Origin::Environment(),
                                                  cpus}));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  ChildProcess& process = server->process();
  const bool knows_peak = process.ResetPeakResident();
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t resident, process.ResidentBytes());
  HADRON_ASSIGN_OR_RETURN(const double cpu, process.CpuMicros());
  const auto begin = Clock::now();
  for (Status& status : server->LoadAll(names, kLoads)) HADRON_RETURN_IF_ERROR(std::move(status));
  Sample sample;
  sample.wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
  HADRON_ASSIGN_OR_RETURN(const double cpu_after, process.CpuMicros());
  sample.cpu_s = (cpu_after - cpu) / 1e6;
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t peak, process.PeakResidentBytes());
  if (knows_peak) sample.peak_bytes = static_cast<double>(peak - std::min(peak, resident));
  sample.requests = static_cast<double>(origin.counts().requests);
  return sample;
}

/// One size at one delay.
struct Rows {
  explicit Rows(const std::string& label)
      : rate{label, "origin_floor", {}, {}, {}, "byte_rate", true},
        cpu{label, "origin_floor", {}, {}, {}, "cpu"},
        memory{label, "model bytes", {}, {}, {}, "peak_rss"},
        requests{label, "least number", {}, {}, {}, "requests"} {}

  void Add(const Sample& ours, const FetchCost& floor, double bytes, double least) {
    rate.ours_us.push_back(ours.wall_s * 1e6);
    rate.peer_us.push_back(floor.wall_s * 1e6);
    rate.ratios.push_back(floor.wall_s / ours.wall_s);
    cpu.ours_us.push_back(ours.cpu_s * 1e6);
    cpu.peer_us.push_back(floor.cpu_s * 1e6);
    cpu.ratios.push_back(ours.cpu_s / floor.cpu_s);
    if (ours.peak_bytes > 0) memory.ratios.push_back(ours.peak_bytes / bytes);
    requests.ratios.push_back(ours.requests / least);
  }
  void AppendTo(std::vector<Ratio>& rows) const {
    for (const Ratio* row : {&rate, &cpu, &memory, &requests}) {
      if (!row->ratios.empty()) rows.push_back(*row);
    }
  }

  Ratio rate;
  Ratio cpu;
  Ratio memory;
  Ratio requests;
};

StatusOr<Rows> Compare(const ServedOptions& options, const Plan& plan, const Size& size,
                       int delay_ms, const std::vector<int>& cpus) {
  Origin origin(options.seed);
  std::vector<std::string> names;
  for (const MlpSpec& spec : ModelsOf(size, options.seed)) {
    origin.PutModel(spec);
    names.push_back(spec.name);
  }
  OriginBehaviour behaviour;
  behaviour.delay = std::chrono::milliseconds(delay_ms);
  behaviour.connection_bytes_per_s = kConnectionRate;
  double bytes = 0;
  for (const Origin::Listed& object : origin.objects()) bytes += static_cast<double>(object.bytes);
  const auto least = static_cast<double>(PartsOf(origin.objects(), kPart) + 1);  // one listing
  Rows rows(fmt::format("{} x {} KiB, delay {} ms", size.models, size.kib, delay_ms));
  for (int round = 0; round < plan.rounds; ++round) {
    Sample ours;
    FetchCost floor;
    for (const bool product : {round % 2 == 0, round % 2 != 0}) {
      behaviour.signed_only = product;
      origin.Behave(behaviour);
      if (product) {
        HADRON_ASSIGN_OR_RETURN(ours, LoadAll(options, origin, names, cpus));
      } else {
        const std::size_t connections = std::min(size.models, kLoads) * kPerLoad;
        HADRON_ASSIGN_OR_RETURN(floor, FetchByFloor(origin, connections, kPart));
      }
    }
    rows.Add(ours, floor, bytes, least);
  }
  return rows;
}

}  // namespace

StatusOr<CaseResult> RunIngestCase(const ServedOptions& options) {
  const Pinning pinning;
  const Plan plan = PlanOf(options.profile);
  CaseResult result;
  for (const Size& size : plan.sizes) {
    for (const int delay : plan.delays_ms) {
      HADRON_ASSIGN_OR_RETURN(const Rows rows,
                              Compare(options, plan, size, delay, pinning.server_cpus()));
      rows.AppendTo(result.ratios);
    }
  }
  result.notes = {pinning.Describe(),
                  "50 MB/s a connection; the product also parses, compiles and keeps a copy"};
  return result;
}

}  // namespace hadron::bench
