#include "bench/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>  // NOLINT: POSIX, for kill
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "bench/pinning.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr auto kPoll = std::chrono::milliseconds(5);
constexpr auto kSettle = std::chrono::milliseconds(1);
constexpr auto kStartTimeout = std::chrono::seconds(60);
constexpr auto kStopTimeout = std::chrono::seconds(10);
constexpr std::size_t kShownLog = 2000;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Ours without variables that would be options of the server, and what the command adds.
std::vector<char*> Environment(std::vector<std::string>& added) {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("HADRON_")) kept.push_back(*entry);
  }
  for (std::string& entry : added) kept.push_back(entry.data());
  kept.push_back(nullptr);
  return kept;
}

/// Between fork and exec: system calls only, because other threads may have held locks.
[[noreturn]] void Become(const std::vector<char*>& arguments, const std::vector<char*>& environment,
                         const char* log, const cpu_set_t* cpus) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (cpus != nullptr) sched_setaffinity(0, sizeof(*cpus), cpus);
  const int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execve(arguments[0], arguments.data(), environment.data());
  _exit(127);
}

}  // namespace

StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const Command& command) {
  std::vector<std::string> words = {command.program};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<std::string> added = command.environment;
  const std::vector<char*> environment = Environment(added);
  const std::string log = command.port_file + ".log";
  const cpu_set_t cpus = CpuSet(command.cpus);
  const auto begun = std::chrono::steady_clock::now();
  const pid_t pid = fork();
  if (pid < 0) return base::Unavailable("fork failed");
  if (pid == 0) {
    Become(arguments, environment, log.c_str(), command.cpus.empty() ? nullptr : &cpus);
  }
  auto child = std::unique_ptr<ChildProcess>(new ChildProcess(pid, begun));
  HADRON_RETURN_IF_ERROR(child->AwaitPorts(command));
  return child;
}

bool ChildProcess::Ended() {
  if (!reaped_) reaped_ = waitpid(pid_, nullptr, WNOHANG) == pid_;
  return reaped_;
}

Status ChildProcess::AwaitPorts(const Command& command) {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (access(command.port_file.c_str(), R_OK) != 0) {
    if (Ended() || std::chrono::steady_clock::now() > deadline) {
      const std::string log = ReadAll(command.port_file + ".log");
      return base::Unavailable(
          fmt::format("'{}' {}: {}", command.program,
                      reaped_ ? "cannot be run, or ended at start" : "does not listen",
                      log.substr(log.size() - std::min(log.size(), kShownLog))));
    }
    std::this_thread::sleep_for(kPoll);
  }
  const auto ports = nlohmann::json::parse(ReadAll(command.port_file), nullptr, false);
  if (!ports.is_object()) return base::Unavailable(command.port_file + ": no port file");
  for (const auto& [protocol, port] : ports.items()) {
    ports_[protocol] = port.get<std::uint16_t>();
  }
  return {};
}

ChildProcess::~ChildProcess() {
  if (Ended()) return;
  kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + kStopTimeout;
  while (!Ended()) {
    if (std::chrono::steady_clock::now() > deadline) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(kPoll);
  }
}

std::uint16_t ChildProcess::port(const std::string& protocol) const {
  const auto found = ports_.find(protocol);
  return found == ports_.end() ? std::uint16_t{0} : found->second;
}

StatusOr<double> ChildProcess::CpuMicros() const {
  // The kernel adds a thread's time when it leaves the CPU or at a tick, milliseconds apart.
  std::this_thread::sleep_for(kSettle);
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return base::Unavailable(fmt::format("process {} has ended", pid_));
  }
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

bool ChildProcess::ResetPeakResident() const {
  std::ofstream out(fmt::format("/proc/{}/clear_refs", pid_));
  out << "5" << std::flush;
  return out.good();
}

StatusOr<std::uint64_t> ChildProcess::StatusBytes(const std::string& field) const {
  std::ifstream in(fmt::format("/proc/{}/status", pid_));
  for (std::string word; in >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == field && in >> kilobytes) return kilobytes * 1024;
  }
  return base::Unavailable(fmt::format("process {} has no {}", pid_, field));
}

StatusOr<std::uint64_t> ChildProcess::ResidentBytes() const { return StatusBytes("VmRSS:"); }

StatusOr<std::uint64_t> ChildProcess::PeakResidentBytes() const { return StatusBytes("VmHWM:"); }

}  // namespace hadron::bench
