#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/front_message.h"
#include "bench/rest_lane.h"

namespace hadron::bench {

/// One request and what came of it. Times in microseconds from the begin of the run.
struct Outcome {
  std::size_t model = 0;
  double intended_us = 0;  ///< closed loop: when it was sent
  double sent_us = 0;
  double done_us = 0;
  int status = 0;  ///< of HTTP; 0: never sent, thousands waited already

  double latency_us() const { return done_us - intended_us; }
};

struct TrafficResult {
  std::vector<Outcome> outcomes;  ///< in the order of sending
  double wall_us = 0;
  double generator_share = 0;  ///< CPU time of this process / wall time
  std::string first_refusal;

  std::size_t answered() const;  ///< rightly
  std::size_t refused() const { return outcomes.size() - answered(); }
  /// Nearest rank of the latencies of all; 0 when there are none.
  double percentile_us(double share) const;
  /// An open loop whose sender, not the server, was at its end: sent late, or hardly a moment idle.
  bool generator_bound() const;
};

/// REST requests to many models over as many connections as are needed. Every answer is compared
/// with the expected one; refusals are counted. One thread, the caller's.
///
///     Traffic traffic(server->port(), {MlpPayload(spec, 1)});
///     auto result = traffic.Closed(8, [&] { return n++ < 1000 ? std::optional(0) : nullopt; });
class Traffic {
 public:
  /// An open loop's request: when and for which model.
  struct Arrival {
    double at_us = 0;
    std::size_t model = 0;
  };
  using Next = std::function<std::optional<std::size_t>()>;

  Traffic(std::uint16_t port, const std::vector<Payload>& payloads);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// `outstanding` requests at a time until `next` has no more. INTERNAL for a wrong answer,
  /// UNAVAILABLE when a connection breaks or nothing comes for a minute.
  base::StatusOr<TrafficResult> Closed(std::size_t outstanding, const Next& next);
  /// Every request at its time, however long the others take.
  base::StatusOr<TrafficResult> Open(const std::vector<Arrival>& arrivals);

 private:
  struct Target {
    std::string request;
    Tensor expected;
  };
  struct Slot;
  struct Run;

  base::Status Send(Run& run, std::size_t model, double intended_us);
  base::Status Await(Run& run, double until_us);
  base::Status Finish(Run& run, Slot& slot);
  /// Null when there are too many: a server that falls behind is not to drown this process.
  base::StatusOr<Slot*> FreeSlot();

  const std::uint16_t port_;
  const int epoll_;
  std::vector<Target> targets_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
};

/// Arrivals of `seconds` by Poisson's law at `per_second`, models drawn by `model`.
std::vector<Traffic::Arrival> PoissonArrivals(double per_second, double seconds, std::uint64_t seed,
                                              const std::function<std::size_t()>& model);

}  // namespace hadron::bench
