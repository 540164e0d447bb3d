#include "server/residence_meter.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hadron::server {
namespace {

using Rungs = ResidenceMeter::Rungs;

void AddScaled(Rungs& sum, const Rungs& more, double factor) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i] * factor;
}

void AddKept(const std::vector<tenancy::KeptBytes>& kept, double seconds) {
  constexpr auto kHost = static_cast<std::size_t>(tenancy::Rung::kCompiled);
  for (const auto& [account, bytes] : kept) {
    tenancy::Usage usage;
    usage.byte_seconds[kHost] = static_cast<double>(bytes) * seconds;
    account->Add(usage);
  }
}

bool IsNothing(const Rungs& rungs) {
  return std::ranges::all_of(rungs, [](double value) { return value <= 0; });
}

}  // namespace

void ResidenceMeter::Sample(std::span<const Held> held, std::vector<tenancy::KeptBytes> kept,
                            base::TimePoint now) {
  Sums bytes;
  for (const Held& version : held) AddScaled(bytes[version.model], version.bytes, 1);
  const double seconds = std::max(0.0, std::chrono::duration<double>(now - sampled_).count());
  if (sampled_ != base::TimePoint()) {
    for (const auto& [model, rungs] : held_) AddScaled(byte_seconds_[model], rungs, seconds / 2);
    for (const auto& [model, rungs] : bytes) AddScaled(byte_seconds_[model], rungs, seconds / 2);
    AddKept(kept_, seconds / 2);
    AddKept(kept, seconds / 2);
  }
  kept_ = std::move(kept);
  held_ = std::move(bytes);
  sampled_ = now;
}

void ResidenceMeter::Note(std::span<const tenancy::UsageRow> rows) {
  for (const tenancy::UsageRow& row : rows) {
    if (row.usage.device_ns > 0) used_[row.key.model][row.key] += row.usage.device_ns;
  }
}

void ResidenceMeter::DivideModel(const Rungs& byte_seconds, const Users* users,
                                 tenancy::Ledger& ledger) {
  tenancy::Usage usage;
  if (users == nullptr) {
    usage.byte_seconds = byte_seconds;
    ledger.Open({std::string(tenancy::kIdleTenant), {}, {}})->Add(usage);
    return;
  }
  double all = 0;
  for (const auto& [key, device_ns] : *users) all += static_cast<double>(device_ns);
  // Differences of a running sum: what is rounded away of one part is in the next.
  Rungs given{};
  double so_far = 0;
  for (const auto& [key, device_ns] : *users) {
    so_far += static_cast<double>(device_ns);
    for (std::size_t i = 0; i < given.size(); ++i) {
      const double until = byte_seconds[i] * (so_far / all);
      usage.byte_seconds[i] = until - given[i];
      given[i] = until;
    }
    ledger.Open(key)->Add(usage);
  }
}

void ResidenceMeter::Divide(tenancy::Ledger& ledger) {
  for (const auto& [model, byte_seconds] : byte_seconds_) {
    if (IsNothing(byte_seconds)) continue;
    const auto users = used_.find(model);
    DivideModel(byte_seconds, users == used_.end() ? nullptr : &users->second, ledger);
  }
  byte_seconds_.clear();
  used_.clear();
}

}  // namespace hadron::server
