#include "tenancy/usage.h"

namespace hadron::tenancy {
namespace {

void AddDouble(std::atomic<double>& sum, double value) {
  if (value == 0) return;
  double before = sum.load(std::memory_order_relaxed);
  while (!sum.compare_exchange_weak(before, before + value, std::memory_order_relaxed)) {
  }
}

void AddCount(std::atomic<std::uint64_t>& sum, std::uint64_t value) {
  if (value > 0) sum.fetch_add(value, std::memory_order_relaxed);
}

}  // namespace

Usage& Usage::operator+=(const Usage& other) {
  requests += other.requests;
  failures += other.failures;
  rows += other.rows;
  device_ns += other.device_ns;
  queue_ns += other.queue_ns;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  loads += other.loads;
  for (std::size_t i = 0; i < refusals.size(); ++i) refusals[i] += other.refusals[i];
  for (std::size_t i = 0; i < byte_seconds.size(); ++i) byte_seconds[i] += other.byte_seconds[i];
  return *this;
}

Usage Usage::operator-(const Usage& earlier) const {
  Usage difference = *this;
  difference.requests -= earlier.requests;
  difference.failures -= earlier.failures;
  difference.rows -= earlier.rows;
  difference.device_ns -= earlier.device_ns;
  difference.queue_ns -= earlier.queue_ns;
  difference.bytes_in -= earlier.bytes_in;
  difference.bytes_out -= earlier.bytes_out;
  difference.loads -= earlier.loads;
  for (std::size_t i = 0; i < refusals.size(); ++i) difference.refusals[i] -= earlier.refusals[i];
  for (std::size_t i = 0; i < byte_seconds.size(); ++i) {
    difference.byte_seconds[i] -= earlier.byte_seconds[i];
  }
  return difference;
}

void Account::Add(const Usage& usage) {
  AddCount(requests_, usage.requests);
  AddCount(failures_, usage.failures);
  AddCount(rows_, usage.rows);
  AddCount(device_ns_, usage.device_ns);
  AddCount(queue_ns_, usage.queue_ns);
  AddCount(bytes_in_, usage.bytes_in);
  AddCount(bytes_out_, usage.bytes_out);
  AddCount(loads_, usage.loads);
  for (std::size_t i = 0; i < refusals_.size(); ++i) AddCount(refusals_[i], usage.refusals[i]);
  for (std::size_t i = 0; i < byte_seconds_.size(); ++i) {
    AddDouble(byte_seconds_[i], usage.byte_seconds[i]);
  }
}

void Account::CountRefusal(base::RefusalCause cause) {
  if (cause == base::RefusalCause::kNone) return;
  AddCount(refusals_[static_cast<std::size_t>(cause) - 1], 1);
}

Usage Account::Read() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  Usage usage;
  usage.requests = requests_.load(kRelaxed);
  usage.failures = failures_.load(kRelaxed);
  usage.rows = rows_.load(kRelaxed);
  usage.device_ns = device_ns_.load(kRelaxed);
  usage.queue_ns = queue_ns_.load(kRelaxed);
  usage.bytes_in = bytes_in_.load(kRelaxed);
  usage.bytes_out = bytes_out_.load(kRelaxed);
  usage.loads = loads_.load(kRelaxed);
  for (std::size_t i = 0; i < refusals_.size(); ++i) {
    usage.refusals[i] = refusals_[i].load(kRelaxed);
  }
  for (std::size_t i = 0; i < byte_seconds_.size(); ++i) {
    usage.byte_seconds[i] = byte_seconds_[i].load(kRelaxed);
  }
  return usage;
}

}  // namespace hadron::tenancy
