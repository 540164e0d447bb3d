#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bench/front_message.h"

namespace hadron::bench {

/// When a run of requests ends: after `at_most` of them, or when `seconds` have passed and
/// `at_least` were sent.
struct LoadLimits {
  std::uint64_t at_least = 1;
  std::uint64_t at_most = 1;
  double seconds = 0;
};

/// What a run saw. Response times run from sending to the last byte of the answer.
struct LoadResult {
  std::uint64_t requests = 0;
  double wall_us = 0;  ///< from the first request to the last answer
  double p50_us = 0;
  double p99_us = 0;
  double generator_share = 0;  ///< CPU time of this process / wall time
};

/// The bookkeeping of one run.
class LoadRun {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit LoadRun(const LoadLimits& limits);
  /// Counts one more request as sent, unless it is time to stop.
  bool MaySend();
  void Answered(TimePoint sent);
  std::uint64_t outstanding() const { return sent_ - latencies_us_.size(); }
  LoadResult Finish();

 private:
  const LoadLimits limits_;
  const TimePoint begin_;
  const double cpu_begin_us_;
  TimePoint last_;
  std::uint64_t sent_ = 0;
  std::vector<double> latencies_us_;
};

/// Judges the answers of one arm. The same request always gets the same answer: the first one is
/// kept for the caller, who looks at every tensor; all others must have its size, and a uniform
/// sample of one in a hundred its bytes.
class AnswerCheck {
 public:
  /// True when the next answer's bytes are wanted, not its size alone.
  bool WantsBytes();
  base::Status Size(std::size_t size) const;
  base::Status Bytes(std::string_view bytes);
  const std::string& first() const { return first_; }

 private:
  std::string first_;
  bool seen_ = false;
  std::minstd_rand random_{1};
};

/// A closed loop: every lane sends its next request as soon as its answer is there. One thread, the
/// caller's. Connections stay open between runs; nothing is outstanding between them.
class Load {
 public:
  virtual ~Load() = default;
  /// UNAVAILABLE for connections that fail and answers that are refusals, INTERNAL for wrong ones.
  virtual base::StatusOr<LoadResult> Run(const LoadLimits& limits) = 0;
  /// The first answer of all, once a run is over.
  const std::string& first_answer() const { return check_.first(); }

 protected:
  AnswerCheck check_;
};

/// `lanes` connections to 127.0.0.1, one request each.
base::StatusOr<std::unique_ptr<Load>> OpenRestLoad(std::uint16_t port, const WireRequest& request,
                                                   int lanes);
/// One channel with `lanes` calls at a time; with `stream` as many streams, one request each.
base::StatusOr<std::unique_ptr<Load>> OpenGrpcLoad(std::uint16_t port, const WireRequest& request,
                                                   int lanes, bool stream);

}  // namespace hadron::bench
