#include "telemetry/system_stats.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/strings.h"

namespace hadron::telemetry {
namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words = base::Split(line, ' ');
  std::erase_if(words, [](const std::string& word) { return word.empty(); });
  return words;
}

/// The value of "Key:   123 kB" in bytes.
std::optional<std::uint64_t> MeminfoBytes(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + key.size());
  const auto words = Words(rest.substr(0, rest.find('\n')));
  if (words.empty()) return std::nullopt;
  const auto kib = base::ParseUint64(words[0]);
  if (!kib || *kib > (std::uint64_t{1} << 50)) return std::nullopt;
  return *kib * 1024;
}

double WallSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

std::optional<CpuTimes> ParseProcStat(std::string_view text) {
  const auto words = Words(text.substr(0, text.find('\n')));
  if (words.size() < 5 || words[0] != "cpu") return std::nullopt;
  CpuTimes times;
  // user nice system idle iowait irq softirq steal; guest times are part of user already.
  for (std::size_t i = 1; i < std::min<std::size_t>(words.size(), 9); ++i) {
    const auto jiffies = base::ParseUint64(words[i]);
    if (!jiffies) return std::nullopt;
    times.total += *jiffies;
    if (i != 4 && i != 5) times.busy += *jiffies;
  }
  return times;
}

std::optional<MemoryUse> ParseMeminfo(std::string_view text) {
  const auto total = MeminfoBytes(text, "MemTotal:");
  const auto available = MeminfoBytes(text, "MemAvailable:");
  if (!total || !available) return std::nullopt;
  return MemoryUse{*total, *total - std::min(*total, *available)};
}

std::optional<CpuTimes> ReadCpuTimes() { return ParseProcStat(ReadFile("/proc/stat")); }
std::optional<MemoryUse> ReadMemoryUse() { return ParseMeminfo(ReadFile("/proc/meminfo")); }

double BusyShare(const CpuTimes& before, const CpuTimes& after) {
  if (after.total <= before.total || after.busy < before.busy) return 0;
  const double share = static_cast<double>(after.busy - before.busy) /
                       static_cast<double>(after.total - before.total);
  return std::min(share, 1.0);
}

double ProcessStartSeconds() {
  const std::string stat = ReadFile("/proc/self/stat");
  const std::string uptime = ReadFile("/proc/uptime");
  // The name in parentheses may hold anything, also spaces; field 22 counts from before it.
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return WallSeconds();
  const auto fields = Words(std::string_view(stat).substr(end_of_name + 1));
  const auto since_boot = base::ParseDouble(std::string_view(uptime).substr(0, uptime.find(' ')));
  if (fields.size() < 20 || !since_boot) return WallSeconds();
  const auto ticks = base::ParseUint64(fields[19]);
  const long per_second = ::sysconf(_SC_CLK_TCK);
  if (!ticks || per_second <= 0) return WallSeconds();
  const double age = *since_boot - static_cast<double>(*ticks) / static_cast<double>(per_second);
  return WallSeconds() - std::max(age, 0.0);
}

}  // namespace hadron::telemetry
