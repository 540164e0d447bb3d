#include "bench/engine_load.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>

#include "bench/random.h"

namespace hadron::bench {
namespace {

/// Requests a second beyond which those that are due within kPause, in seconds, go out together.
constexpr double kRapid = 5000;
constexpr double kPause = 1e-4;

/// Gaps between arrivals: exponential, or hyperexponential with balanced means, which has the mean
/// and the variation asked for.
double Gap(const LoadStream& stream, Random& random) {
  const double mean = 1 / stream.per_second;
  const double c2 = stream.burstiness * stream.burstiness;
  if (c2 <= 1) return random.Exponential(mean);
  const double p = (1 + std::sqrt((c2 - 1) / (c2 + 1))) / 2;  // balanced means
  return random.Uniform() < p ? random.Exponential(mean / (2 * p))
                              : random.Exponential(mean / (2 * (1 - p)));
}

class Run {
 public:
  Run(EngineRig& rig, const std::vector<LoadStream>& streams, double seconds, std::uint64_t seed)
      : rig_(rig), streams_(streams), seconds_(seconds), random_(seed) {
    state_.resize(streams.size());
  }

  std::vector<Served> Go() {
    begin_ = rig_.clock().Now();
    for (std::size_t s = 0; s < streams_.size(); ++s) {
      const LoadStream& stream = streams_[s];
      state_[s].next = stream.from;
      state_[s].ready = stream.outstanding;
      if (stream.outstanding == 0) state_[s].next += Gap(stream, random_);
    }
    while (SendDue()) {
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return outstanding_ == 0; });
    return {served_.begin(), served_.end()};
  }

 private:
  struct StreamState {
    double next = 0;        ///< intended
    std::size_t ready = 0;  ///< closed loop: how many may be sent
    std::uint64_t number = 0;
  };

  double Now() const { return std::chrono::duration<double>(rig_.clock().Now() - begin_).count(); }

  /// Sends what is due, then sleeps until something is; false at the end.
  bool SendDue() {
    const double now = Now();
    if (now >= seconds_) return false;
    double wake = seconds_;
    for (std::size_t s = 0; s < streams_.size(); ++s) {
      const LoadStream& stream = streams_[s];
      if (now >= stream.until) continue;
      if (now < stream.from) {
        wake = std::min(wake, stream.from);
      } else if (stream.outstanding > 0) {
        for (std::size_t ready = TakeReady(s); ready > 0; --ready) Send(s, Now());
      } else {
        for (; state_[s].next <= now; state_[s].next += Gap(stream, random_)) {
          Send(s, state_[s].next);
        }
        // A sleep for each of very many requests would take all of a core.
        const double pause = stream.per_second > kRapid ? kPause : 0;
        wake = std::min(wake, std::max(state_[s].next, now + pause));
      }
    }
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, begin_ + std::chrono::nanoseconds(std::llround(wake * 1e9)),
                        [&] { return AnyReady(); });
    return true;
  }

  bool AnyReady() const {
    const double now = Now();
    for (std::size_t s = 0; s < streams_.size(); ++s) {
      const bool on = streams_[s].from <= now && now < streams_[s].until;
      if (on && state_[s].ready > 0) return true;
    }
    return false;
  }

  std::size_t TakeReady(std::size_t stream) {
    std::scoped_lock lock(mutex_);
    return std::exchange(state_[stream].ready, 0);
  }

  void Send(std::size_t s, double intended) {
    const LoadStream& stream = streams_[s];
    serving::InferenceRequest request = stream.make(state_[s].number++);
    Served* served = nullptr;
    {
      std::scoped_lock lock(mutex_);
      served = &served_.emplace_back();
      ++outstanding_;
    }
    served->stream = s;
    served->rows = request.rows;
    served->intended = intended;
    if (stream.deadline) {
      served->deadline = intended + *stream.deadline;
      request.deadline = begin_ + std::chrono::nanoseconds(std::llround(*served->deadline * 1e9));
    }
    rig_.engine().Infer(std::move(request), [this, s, served](serving::InferenceResponse response) {
      const double done = Now();
      std::scoped_lock lock(mutex_);
      served->done = done;
      const serving::RequestTimes& times = response.times;
      served->job = static_cast<double>(times.input_ns + times.infer_ns + times.output_ns) * 1e-9;
      served->ok = response.status.ok();
      served->refusal = response.status.cause();
      const bool closed = streams_[s].outstanding > 0;
      if (closed) ++state_[s].ready;
      --outstanding_;
      // An open loop sleeps until the next is due, whoever is answered meanwhile.
      if (closed || outstanding_ == 0) changed_.notify_one();
    });
  }

  EngineRig& rig_;
  const std::vector<LoadStream>& streams_;
  const double seconds_;
  Random random_;
  base::TimePoint begin_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<StreamState> state_;
  std::deque<Served> served_;
  std::size_t outstanding_ = 0;
};

}  // namespace

std::vector<Served> RunLoad(EngineRig& rig, const std::vector<LoadStream>& streams, double seconds,
                            double warm_up, std::uint64_t seed) {
  std::vector<Served> served = Run(rig, streams, seconds, seed).Go();
  std::erase_if(served, [warm_up](const Served& one) { return one.intended < warm_up; });
  return served;
}

double LatencyAt(const std::vector<Served>& served, std::size_t stream, double share) {
  std::vector<double> latencies;
  for (const Served& one : served) {
    if (one.stream != stream) continue;
    latencies.push_back(one.ok ? one.latency() : std::numeric_limits<double>::infinity());
  }
  if (latencies.empty()) return 0;
  std::ranges::sort(latencies);
  const auto rank =
      static_cast<std::size_t>(std::ceil(share * static_cast<double>(latencies.size())));
  return latencies[std::clamp<std::size_t>(rank, 1, latencies.size()) - 1];
}

double Goodput(const std::vector<Served>& served, std::size_t stream, double within,
               double seconds) {
  double rows = 0;
  for (const Served& one : served) {
    if (one.stream == stream && one.ok && one.latency() <= within) {
      rows += static_cast<double>(one.rows);
    }
  }
  return rows / seconds;
}

}  // namespace hadron::bench
