#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hadron::telemetry {

/// Jiffies since boot, all CPUs together.
struct CpuTimes {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};

struct MemoryUse {
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;  ///< total less available
};

/// Readers of /proc's texts; nothing when the text is not what it should be.
std::optional<CpuTimes> ParseProcStat(std::string_view text);
std::optional<MemoryUse> ParseMeminfo(std::string_view text);

std::optional<CpuTimes> ReadCpuTimes();
std::optional<MemoryUse> ReadMemoryUse();
/// Share of the machine that was busy between the readings, 0..1.
double BusyShare(const CpuTimes& before, const CpuTimes& after);
/// When this process started, in seconds since the Unix epoch; now, if /proc does not tell.
double ProcessStartSeconds();

}  // namespace hadron::telemetry
