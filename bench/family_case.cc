#include "bench/family_case.h"

#include <fmt/format.h>

#include <optional>

#include "bench/pinning.h"
#include "bench/played_card.h"
#include "bench/traffic.h"

namespace hadron::bench {
namespace {

using base::StatusOr;

constexpr double kCopyRate = 4e9;
/// Budgets over the bytes that differ, until nobody has to leave. Slabs are a sixteenth of the
/// budget: one much larger would only show how the last slab is filled.
constexpr double kRooms[] = {1.05, 1.1, 1.15, 1.2, 1.3, 1.5};
constexpr const char* kReserved = "hadron_device_memory_reserved_bytes";
constexpr const char* kHostReserved = "hadron_host_memory_reserved_bytes";
constexpr const char* kEvictions = "hadron_model_evictions_total";

struct Seen {
  double reserved_bytes = 0;
  double host_bytes = 0;
  double evictions = 0;
};

/// What is booked on a device of that size, and in host memory, when every variant has answered
/// twice.
StatusOr<Seen> AskAll(const ServedOptions& options, const ServedModels& models,
                      std::uint64_t budget, const std::vector<int>& cpus) {
  HADRON_ASSIGN_OR_RETURN(const auto server,
                          StartOnCard(options, models, {budget, kCopyRate}, cpus));
  Traffic traffic(server->port(), models.payloads());
  const std::size_t count = models.specs().size();
  std::size_t asked = 0;
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(1, [&] {
    return asked < 2 * count ? std::optional(asked++ % count) : std::nullopt;
  }));
  if (result.refused() > 0) return base::Unavailable(result.first_refusal);
  Seen seen;
  HADRON_ASSIGN_OR_RETURN(seen.reserved_bytes, server->Metric(kReserved));
  HADRON_ASSIGN_OR_RETURN(seen.host_bytes, server->Metric(kHostReserved));
  HADRON_ASSIGN_OR_RETURN(seen.evictions, server->Metric(kEvictions));
  return seen;
}

}  // namespace

StatusOr<CaseResult> RunFamilyCase(const ServedOptions& options) {
  const Pinning pinning;
  const bool smoke = options.profile == "smoke";
  SetRequest request{"family100", options.seed, smoke ? 2.0 : 1.0, smoke ? 4U : 100U};
  if (options.scale > 0) request.scale = options.scale;
  HADRON_ASSIGN_OR_RETURN(const ServedModels variants, ServedModels::Make(request));
  const MlpSpec& spec = variants.specs()[0];
  const auto own = static_cast<double>(spec.weight_bytes() - spec.shared_bytes());
  const auto count = static_cast<double>(variants.specs().size());
  const double distinct = static_cast<double>(spec.shared_bytes()) + count * own;
  Seen seen;
  double room = 0;
  std::vector<double> evictions;
  for (const double next : kRooms) {
    room = next;
    HADRON_ASSIGN_OR_RETURN(seen,
                            AskAll(options, variants, static_cast<std::uint64_t>(room * distinct),
                                   pinning.server_cpus()));
    evictions.push_back(seen.evictions);
    if (seen.evictions == 0) break;
  }
  if (seen.evictions > 0) return base::Unavailable("half as much again is not room enough");
  const std::string label = fmt::format("{} variants of {:.0f} MiB", variants.specs().size(),
                                        static_cast<double>(spec.weight_bytes()) / (1 << 20U));
  Ratio bytes{label, "distinct bytes", {seen.reserved_bytes / distinct}, {}, {}, "device_bytes"};
  bytes.context = {{"reserved_bytes", {seen.reserved_bytes}}, {"distinct_bytes", {distinct}}};
  const double unshared = count * static_cast<double>(spec.weight_bytes());
  Ratio copies{label, "unshared bytes", {seen.reserved_bytes / unshared}, {}, {}, "device_bytes"};
  Ratio host{label, "distinct bytes", {seen.host_bytes / distinct}, {}, {}, "host_bytes"};
  host.context = {{"reserved_bytes", {seen.host_bytes}}, {"distinct_bytes", {distinct}}};
  return CaseResult{
      {bytes, copies, host},
      {fmt::format("smallest budget without evictions: {} of the distinct bytes, what "
                   "a batch needs included; evictions at 1.05: {}",
                   room, evictions[0]),
       pinning.Describe()}};
}

}  // namespace hadron::bench
