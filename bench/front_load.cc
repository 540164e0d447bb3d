#include "bench/front_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace hadron::bench {
namespace {

using base::Status;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kSampleOneIn = 100;

double Micros(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

double OwnCpuMicros() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

/// Nearest rank.
double Percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

}  // namespace

LoadRun::LoadRun(const LoadLimits& limits)
    : limits_(limits), begin_(Clock::now()), cpu_begin_us_(OwnCpuMicros()), last_(begin_) {}

bool LoadRun::MaySend() {
  if (sent_ >= limits_.at_most) return false;
  if (sent_ >= limits_.at_least && Micros(last_ - begin_) >= limits_.seconds * 1e6) return false;
  ++sent_;
  return true;
}

void LoadRun::Answered(TimePoint sent) {
  last_ = Clock::now();
  latencies_us_.push_back(Micros(last_ - sent));
}

LoadResult LoadRun::Finish() {
  LoadResult result;
  result.requests = latencies_us_.size();
  result.wall_us = Micros(last_ - begin_);
  result.generator_share = (OwnCpuMicros() - cpu_begin_us_) / result.wall_us;
  std::ranges::sort(latencies_us_);
  result.p50_us = Percentile(latencies_us_, 0.50);
  result.p99_us = Percentile(latencies_us_, 0.99);
  return result;
}

bool AnswerCheck::WantsBytes() { return !seen_ || random_() % kSampleOneIn == 0; }

Status AnswerCheck::Size(std::size_t size) const {
  if (size == first_.size()) return {};
  return base::Internal(fmt::format("an answer of {} bytes, {} expected", size, first_.size()));
}

Status AnswerCheck::Bytes(std::string_view bytes) {
  if (!seen_) {
    first_ = bytes;
    seen_ = true;
  }
  if (bytes == first_) return {};
  return base::Internal("an answer differs from the first one to the same request");
}

}  // namespace hadron::bench
