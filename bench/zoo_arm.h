#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/played_card.h"
#include "bench/traffic.h"

namespace hadron::bench {

/// The server with a zoo on a played card, and what it loads.
class ZooArm {
 public:
  struct Seen {
    TrafficResult traffic;
    double per_second = 0;
    double loads = 0;  ///< by the server's counters
    double loaded_bytes = 0;
  };

  /// Every model has been asked once when it returns.
  static base::StatusOr<std::unique_ptr<ZooArm>> Start(const ServedOptions& options,
                                                       const ServedModels& models,
                                                       const PlayedCard& card,
                                                       const std::vector<int>& cpus);

  /// These requests in this order, so many at a time. UNAVAILABLE for a refusal.
  base::StatusOr<Seen> Closed(const std::vector<std::size_t>& requests, std::size_t outstanding);
  base::StatusOr<TrafficResult> Open(const std::vector<Traffic::Arrival>& arrivals) {
    return traffic_.Open(arrivals);
  }

 private:
  ZooArm(std::unique_ptr<ServerUnderTest> server, const ServedModels& models)
      : server_(std::move(server)), models_(models), traffic_(server_->port(), models.payloads()) {}
  /// Loads up to now, by model.
  base::StatusOr<std::vector<double>> Loads();

  std::unique_ptr<ServerUnderTest> server_;
  const ServedModels& models_;
  Traffic traffic_;
};

/// Share of the requests of an open loop of `window_us` that were answered in it. Those of its last
/// fiftieth do not count: the fastest server has some of them under way at the end.
double CompletedShare(const TrafficResult& result, double window_us);

struct Recovery {
  double after_us = -1;  ///< from the end of the overload until p99 is good again; -1 = never
  double p99_before_us = 0;
  double p99_after_us = 0;  ///< of the last window
};

/// p99 of windows of `step_us` by intended time: good is up to 1.5 times that before the overload,
/// which lasts from `begin_us` to `end_us`.
Recovery RecoveryOf(const TrafficResult& result, double begin_us, double end_us, double step_us);

}  // namespace hadron::bench
