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
constexpr const char* kReserved = "hadron_device_memory_reserved_bytes";

/// Bytes booked on the device when every variant has answered.
StatusOr<double> ReservedBytes(const ServedOptions& options, const ServedModels& models,
                               const std::vector<int>& cpus) {
  const std::uint64_t all = 2 * models.weight_bytes();
  HADRON_ASSIGN_OR_RETURN(const auto server, StartOnCard(options, models, {all, kCopyRate}, cpus));
  Traffic traffic(server->port(), models.payloads());
  std::size_t next = 0;
  HADRON_ASSIGN_OR_RETURN(const TrafficResult result, traffic.Closed(1, [&] {
    return next < models.specs().size() ? std::optional(next++) : std::nullopt;
  }));
  if (result.refused() > 0) return base::Unavailable(result.first_refusal);
  return server->Metric(kReserved);
}

}  // namespace

StatusOr<CaseResult> RunFamilyCase(const ServedOptions& options) {
  const Pinning pinning;
  const bool smoke = options.profile == "smoke";
  SetRequest request{"family100", options.seed, smoke ? 8.0 : 1.0, smoke ? 4U : 100U};
  if (options.scale > 0) request.scale = options.scale;
  HADRON_ASSIGN_OR_RETURN(const ServedModels variants, ServedModels::Make(request));
  request.count = 1;
  HADRON_ASSIGN_OR_RETURN(const ServedModels one, ServedModels::Make(request));
  const MlpSpec& spec = one.specs()[0];
  const auto own = static_cast<double>(spec.weight_bytes() - spec.shared_bytes());
  const auto count = static_cast<double>(variants.specs().size());
  const double distinct = static_cast<double>(spec.shared_bytes()) + count * own;
  HADRON_ASSIGN_OR_RETURN(const double all,
                          ReservedBytes(options, variants, pinning.server_cpus()));
  HADRON_ASSIGN_OR_RETURN(const double single, ReservedBytes(options, one, pinning.server_cpus()));
  const std::string label = fmt::format("{} variants of {:.0f} MiB", variants.specs().size(),
                                        static_cast<double>(spec.weight_bytes()) / (1 << 20U));
  // What one alone books beyond its weights (memory of a batch, the rest of a slab) is no cost of
  // having many.
  const double beyond = single - static_cast<double>(spec.weight_bytes());
  Ratio bytes{label, "distinct bytes", {(all - beyond) / distinct}, {}, {}, "device_bytes"};
  bytes.context = {
      {"reserved_bytes", {all}}, {"distinct_bytes", {distinct}}, {"one_reserved_bytes", {single}}};
  Ratio copies{
      label, "unshared bytes", {all / (count * static_cast<double>(spec.weight_bytes()))}, {},
      {},    "device_bytes"};
  return CaseResult{{bytes, copies}, {pinning.Describe()}};
}

}  // namespace hadron::bench
