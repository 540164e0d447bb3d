#include "bench/machine.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

namespace hadron::bench {
namespace {

std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "unknown CPU";
}

}  // namespace

std::string Machine::Line() const {
  constexpr double kGiB = 1UL << 30U;
  return fmt::format("{}, {} cores, {:.0f} GiB, Linux {}, load {:.2f} before", cpu, cores,
                     static_cast<double>(memory_bytes) / kGiB, kernel, load_before);
}

Machine ThisMachine() {
  Machine machine;
  machine.cpu = CpuName();
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) machine.cores = CPU_COUNT(&cpus);
  machine.memory_bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
  utsname name{};
  if (uname(&name) == 0) machine.kernel = &name.release[0];
  machine.load_before = LoadOfTheMinute();
  return machine;
}

double LoadOfTheMinute() {
  std::array<double, 1> load{};
  getloadavg(load.data(), 1);
  return load[0];
}

}  // namespace hadron::bench
