#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadron::bench {

/// A server in a process of its own, which listens when Start returns. It dies with us; the
/// destructor asks it to end, and insists after a while. Not thread-safe.
///
///     HADRON_ASSIGN_OR_RETURN(auto child, ChildProcess::Start({path, {"--port-file=" + file},
///     file})); Connect(child->port("http"));
class ChildProcess {
 public:
  struct Command {
    std::string program;
    std::vector<std::string> arguments;
    std::string port_file;  ///< JSON object of ports, which the program writes once it listens
    std::vector<int> cpus;  ///< where it may run; empty = anywhere
    std::vector<std::string> environment = {};  ///< "NAME=value", besides ours
  };

  /// UNAVAILABLE with the end of what it wrote to stderr (port_file + ".log") when it does not
  /// start.
  static base::StatusOr<std::unique_ptr<ChildProcess>> Start(const Command& command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Port of a protocol ("http", "grpc"); 0 when it serves none.
  std::uint16_t port(const std::string& protocol) const;
  /// Just before it was made.
  std::chrono::steady_clock::time_point begun() const { return begun_; }

  /// User and system time of all its threads, those that ended included, in microseconds.
  /// Exact when it is idle: waits a moment for that.
  base::StatusOr<double> CpuMicros() const;
  /// Forgets the peak of the resident set; false where the kernel does not let us.
  bool ResetPeakResident() const;
  base::StatusOr<std::uint64_t> ResidentBytes() const;
  /// Largest resident set since it was forgotten.
  base::StatusOr<std::uint64_t> PeakResidentBytes() const;

 private:
  ChildProcess(pid_t pid, std::chrono::steady_clock::time_point begun) : pid_(pid), begun_(begun) {}
  base::Status AwaitPorts(const Command& command);
  base::StatusOr<std::uint64_t> StatusBytes(const std::string& field) const;
  bool Ended();

  pid_t pid_;
  std::chrono::steady_clock::time_point begun_;
  bool reaped_ = false;
  std::map<std::string, std::uint16_t> ports_;
};

}  // namespace hadron::bench
