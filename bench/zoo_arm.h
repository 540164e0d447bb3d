#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/played_card.h"
#include "bench/recovery.h"
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

std::vector<TimedRequest> TimesOf(const TrafficResult& result);

}  // namespace hadron::bench
