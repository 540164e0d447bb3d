#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/engine_rig.h"

namespace hadron::bench {

/// One request to the engine and what came of it; times in seconds from the begin of the run.
struct Served {
  std::size_t stream = 0;
  std::int64_t rows = 1;
  double intended = 0;  ///< closed loop: when it was sent
  double done = 0;
  double job = 0;  ///< the device's seconds for the batch it was in
  bool ok = false;
  base::RefusalCause refusal = base::RefusalCause::kNone;
  std::optional<double> deadline{};  ///< promised, from the begin of the run

  double latency() const { return done - intended; }
};

/// A source of requests.
struct LoadStream {
  /// Makes the next request.
  std::function<serving::InferenceRequest(std::uint64_t number)> make;
  std::size_t outstanding = 0;       ///< closed loop of so many; 0: open loop
  double per_second = 0;             ///< open loop
  double burstiness = 1;             ///< of its gaps: coefficient of variation, 1 = Poisson
  double from = 0;                   ///< seconds: when it begins ...
  double until = 1e9;                ///< ... and ends
  std::optional<double> deadline{};  ///< seconds after the intended time
};

/// Runs all streams side by side for so long, from one thread. What was sent in the first
/// `warm_up` seconds is thrown away. Waits for the last answer.
std::vector<Served> RunLoad(EngineRig& rig, const std::vector<LoadStream>& streams, double seconds,
                            double warm_up, std::uint64_t seed);

/// Nearest-rank percentile of the latencies of a stream, failures counted as never; 0 without any.
double LatencyAt(const std::vector<Served>& served, std::size_t stream, double share);
/// Rows answered rightly within so long, in a second.
double Goodput(const std::vector<Served>& served, std::size_t stream, double within,
               double seconds);

}  // namespace hadron::bench
