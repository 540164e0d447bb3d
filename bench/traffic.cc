#include "bench/traffic.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <limits>

#include "bench/model_set.h"
#include "bench/random.h"
#include "bench/recovery.h"

namespace hadron::bench {

using base::Status;
using base::StatusOr;
using TimePoint = RestLane::TimePoint;

namespace {

constexpr int kOk = 200;
constexpr double kTimeoutUs = 60e6;
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::size_t kShown = 300;
constexpr std::size_t kMostConnections = 4000;
constexpr double kMostGeneratorShare = 0.85;
constexpr double kMostLagUs = 1000;

double Micros(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

double OwnCpuMicros() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

timespec Timespec(double micros) {
  timespec time{};
  time.tv_sec = static_cast<time_t>(micros / 1e6);
  time.tv_nsec = static_cast<long>(std::fmod(micros, 1e6) * 1e3);
  return time;
}

}  // namespace

/// A connection and the request that is under way on it.
struct Traffic::Slot {
  RestLane lane;
  std::size_t outcome = 0;
};

struct Traffic::Run {
  TrafficResult result;
  const TimePoint begin = std::chrono::steady_clock::now();
  const double cpu_begin_us = OwnCpuMicros();
  std::size_t outstanding = 0;

  double now_us() const { return Micros(std::chrono::steady_clock::now() - begin); }
  TrafficResult End() {
    result.wall_us = now_us();
    for (Outcome& outcome : result.outcomes) {  // what was never sent waited until the end
      outcome.done_us = std::min(outcome.done_us, result.wall_us);
    }
    result.generator_share = (OwnCpuMicros() - cpu_begin_us) / result.wall_us;
    return std::move(result);
  }
};

std::size_t TrafficResult::answered() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(outcomes, [](const Outcome& o) { return o.status == kOk; }));
}

double TrafficResult::percentile_us(double share) const {
  std::vector<double> latencies;
  for (const Outcome& outcome : outcomes) latencies.push_back(outcome.latency_us());
  return PercentileOf(std::move(latencies), share);
}

bool TrafficResult::generator_bound() const {
  std::vector<double> lags;
  for (const Outcome& outcome : outcomes) lags.push_back(outcome.sent_us - outcome.intended_us);
  return generator_share > kMostGeneratorShare || PercentileOf(std::move(lags), 0.99) > kMostLagUs;
}

Traffic::Traffic(std::uint16_t port, const std::vector<Payload>& payloads)
    : port_(port), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (const Payload& payload : payloads) {
    const WireRequest wire = Encode(Protocol::kRestBinary, payload);
    targets_.push_back(
        {fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Length: {}\r\n\r\n",
                     wire.path, wire.headers, wire.body.size()) +
             wire.body,
         payload.outputs[0]});
  }
}

Traffic::~Traffic() { close(epoll_); }

StatusOr<Traffic::Slot*> Traffic::FreeSlot() {
  if (free_.empty()) {
    if (slots_.size() == kMostConnections) return nullptr;
    auto slot = std::make_unique<Slot>();
    HADRON_RETURN_IF_ERROR(slot->lane.Connect(port_, epoll_));
    free_.push_back(slot.get());
    slots_.push_back(std::move(slot));
  }
  Slot* slot = free_.back();
  free_.pop_back();
  return slot;
}

Status Traffic::Send(Run& run, std::size_t model, double intended_us) {
  HADRON_ASSIGN_OR_RETURN(Slot* const slot, FreeSlot());
  const double now = run.now_us();
  run.result.outcomes.push_back({model, std::min(intended_us, now), now, kNever, 0});
  if (slot == nullptr) {
    run.result.first_refusal = fmt::format("{} requests wait, no more were sent", kMostConnections);
    return {};
  }
  slot->outcome = run.result.outcomes.size() - 1;
  ++run.outstanding;
  return slot->lane.Send(targets_[model].request);
}

Status Traffic::Finish(Run& run, Slot& slot) {
  Outcome& outcome = run.result.outcomes[slot.outcome];
  outcome.done_us = run.now_us();
  outcome.status = slot.lane.status();
  --run.outstanding;
  free_.push_back(&slot);
  const std::string_view body = slot.lane.body();
  if (outcome.status == kOk) {
    const Tensor& expected = targets_[outcome.model].expected;
    return CheckClose(body.substr(body.size() - std::min(body.size(), expected.bytes.size())),
                      expected);
  }
  if (run.result.first_refusal.empty()) run.result.first_refusal = body.substr(0, kShown);
  return {};
}

/// Takes one answer, or returns at the time given. Comparing answers takes its time, and meanwhile
/// another request may be due: hence no more than one.
Status Traffic::Await(Run& run, double until_us) {
  epoll_event event{};
  const double now = run.now_us();
  const bool patient = until_us == kNever;
  const timespec wait = Timespec(patient ? kTimeoutUs : std::max(0.0, until_us - now));
  const int count = epoll_pwait2(epoll_, &event, 1, &wait, nullptr);
  if (count < 0 && errno != EINTR) return base::Unavailable("epoll_pwait2 failed");
  if (count == 0 && patient) return base::Unavailable("no answer within a minute");
  if (count <= 0) return {};
  auto& slot = *static_cast<Slot*>(event.data.ptr);
  HADRON_ASSIGN_OR_RETURN(const bool complete, slot.lane.Advance());
  return complete ? Finish(run, slot) : Status();
}

StatusOr<TrafficResult> Traffic::Closed(std::size_t outstanding, const Next& next) {
  Run run;
  bool more = true;
  while (more || run.outstanding > 0) {
    while (more && run.outstanding < outstanding) {
      const auto model = next();
      more = model.has_value();
      if (more) HADRON_RETURN_IF_ERROR(Send(run, *model, kNever));
    }
    if (run.outstanding > 0) HADRON_RETURN_IF_ERROR(Await(run, kNever));
  }
  return run.End();
}

StatusOr<TrafficResult> Traffic::Open(const std::vector<Arrival>& arrivals) {
  Run run;
  std::size_t sent = 0;
  while (sent < arrivals.size() || run.outstanding > 0) {
    while (sent < arrivals.size() && arrivals[sent].at_us <= run.now_us()) {
      HADRON_RETURN_IF_ERROR(Send(run, arrivals[sent].model, arrivals[sent].at_us));
      ++sent;
    }
    HADRON_RETURN_IF_ERROR(Await(run, sent < arrivals.size() ? arrivals[sent].at_us : kNever));
  }
  return run.End();
}

std::vector<Traffic::Arrival> PoissonArrivals(double per_second, double seconds, std::uint64_t seed,
                                              const std::function<std::size_t()>& model) {
  Random random(seed);
  std::vector<Traffic::Arrival> arrivals;
  double at = random.Exponential(1e6 / per_second);
  while (at < seconds * 1e6) {
    arrivals.push_back({at, model()});
    at += random.Exponential(1e6 / per_second);
  }
  return arrivals;
}

}  // namespace hadron::bench
