#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "bench/front_load.h"
#include "bench/front_message.h"
#include "bench/front_servers.h"

namespace hadron::bench {

/// What one comparison is about.
struct Combination {
  Protocol protocol;
  const Payload* payload;
  int outstanding;

  std::string Label() const;  ///< "rest_json 64 KiB x16"
};

/// How long each arm is asked in each round.
struct Pace {
  int rounds;
  LoadLimits warm;
  LoadLimits measure;
};

/// One arm in one round.
struct Sample {
  double cpu_us;   ///< of the server, per request
  double wall_us;  ///< per request
  double p50_us;
  double p99_us;
  double generator_share;
};

struct Measurement {
  std::vector<std::vector<Sample>> arms;  ///< by arm, then by round
  std::vector<double> memcpy_us;          ///< by round: one copy of the payload's bytes
};

/// Opens the load of one arm and looks at every byte of a first answer.
base::StatusOr<std::unique_ptr<Load>> OpenLoad(const Arm& arm, const Combination& combination);

/// Rounds A B, B A, ... (more arms rotate), each arm warmed up first.
base::StatusOr<Measurement> Measure(const std::vector<Arm>& arms, const Combination& combination,
                                    const Pace& pace);

/// Largest growth of a young server's resident set while it answers one request, over the payload's
/// bytes. `small` is asked first, so that only what grows with the payload is counted.
base::StatusOr<double> PeakGrowth(FrontServers& servers, const Arm& arm, Protocol protocol,
                                  const Payload& small, const Payload& payload);

}  // namespace hadron::bench
