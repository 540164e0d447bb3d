#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "base/unique_function.h"
#include "device/memory_pool.h"

namespace hadron::device {

enum class DeviceKind : std::uint8_t { kHost, kOpenCl };

/// What a device is. `device_class` names everything that may change the bytes of a result (ISA of
/// a CPU, device class of a GPU); replicas of equal class answer alike.
struct DeviceInfo {
  std::string id;    ///< "cpu", "opencl:0"
  std::string name;  ///< as the driver or /proc calls it
  std::string vendor;
  std::string driver;        ///< platform and driver version
  std::string device_class;  ///< "x86-64 avx512", "opencl cpu pocl", ...
  DeviceKind kind = DeviceKind::kHost;
  bool host_unified = true;  ///< device memory is host memory
  std::uint64_t memory_bytes = 0;
  std::uint64_t max_allocation = 0;
  std::uint32_t base_align = 64;  ///< offsets given to kernels are multiples of this
  std::uint32_t compute_units = 1;
  std::uint32_t vector_floats = 4;  ///< width of the device's own float vectors
  /// Work-groups share no fast memory: a CPU, or a device that keeps "local" memory in its global
  /// one. Such a device wants other kernels.
  bool local_memory_emulated = true;
};

/// Memory of a device. Owned by whoever asked for it; destroyed only after the work that uses it
/// has finished. The reservation goes back after the memory has.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(Reservation reservation, std::uint64_t bytes)
      : reservation_(std::move(reservation)), bytes_(bytes) {}
  virtual ~DeviceBuffer() = default;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  std::uint64_t bytes() const { return bytes_; }
  /// Names another owner in the ledger. Not from two threads at once.
  void BookTo(const std::string& owner) { reservation_.BookTo(owner); }
  /// Address on the host, null where the host cannot reach the memory.
  virtual std::byte* host() = 0;

 private:
  Reservation reservation_;
  std::uint64_t bytes_;
};

/// A kernel of a device program with its arguments: mutable, for one lane. Not thread-safe.
class DeviceKernel {
 public:
  virtual ~DeviceKernel() = default;
  virtual base::Status SetBuffer(unsigned index, DeviceBuffer& buffer) = 0;
  /// A scalar argument: int, unsigned, long (8 bytes), float.
  virtual base::Status SetBytes(unsigned index, std::span<const std::byte> value) = 0;
  template <typename T>
  base::Status SetScalar(unsigned index, const T& value) {
    return SetBytes(index, std::as_bytes(std::span(&value, 1)));
  }
};

/// A compiled device program. Immutable, thread-safe.
class Program {
 public:
  virtual ~Program() = default;
  virtual base::StatusOr<std::unique_ptr<DeviceKernel>> CreateKernel(const std::string& name) = 0;
  /// What LoadProgram of an equal device and driver takes instead of the source.
  virtual base::StatusOr<std::vector<std::byte>> Binary() {
    return base::Unimplemented("programs of this device have no binary");
  }
};

/// Called once when everything before it in the stream has finished, with the first failure.
using StreamCallback = base::UniqueFunction<void(base::Status)>;
/// Work of the host in stream order.
using HostTask = base::UniqueFunction<base::Status()>;

/// A place in a stream's order that other streams of the device can wait for. Immutable but for
/// having been reached; thread-safe.
class Event {
 public:
  virtual ~Event() = default;
  /// Everything before it in its stream has ended, well or not.
  virtual bool done() const = 0;
};

/// In-order queue of work on one device. Calls enqueue and return; none waits for the device. After
/// a failure the stream skips what follows until the next Record, which reports the failure.
/// Used by one thread only (`dev`); callbacks run on the stream's own threads.
///
/// Memory named in a call must stay valid until a Record after it has reported.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void Upload(std::span<const std::byte> from, DeviceBuffer& to, std::uint64_t offset) = 0;
  virtual void Download(DeviceBuffer& from, std::uint64_t offset, std::span<std::byte> to) = 0;
  /// From one place of the device to another that does not overlap it.
  virtual void Copy(DeviceBuffer& from, std::uint64_t from_offset, DeviceBuffer& to,
                    std::uint64_t to_offset, std::uint64_t bytes) = 0;
  /// `global` and `local` work sizes in up to three dimensions; local of 0 = the driver's choice.
  virtual void Launch(DeviceKernel& kernel, std::array<std::size_t, 3> global,
                      std::array<std::size_t, 3> local) = 0;
  /// Runs `task` on the lane's host thread when everything before has finished; what follows waits.
  virtual void Host(HostTask task) = 0;
  virtual void Record(StreamCallback done) = 0;
  /// Marks this place for streams that Wait. Flush this stream before the other one. The event says
  /// that the work before it has ended; whether it went well is what a Record reports.
  virtual std::shared_ptr<const Event> Mark() = 0;
  /// What follows here starts after `event`, of a stream of the same device, has been reached.
  virtual void Wait(std::shared_ptr<const Event> event) = 0;
  /// Hands everything enqueued to the device.
  virtual void Flush() = 0;
};

/// A compute device: where memory, streams and programs come from. Thread-safe. Outlives what it
/// made.
class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  virtual MemoryPool& memory() = 0;
  /// Uninitialised memory, aligned to base_align and at least 64. The reservation must cover it.
  virtual base::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(Reservation reservation,
                                                                 std::uint64_t bytes) = 0;
  /// A stream whose Host tasks run on `host_lane`, which outlives it.
  virtual base::StatusOr<std::unique_ptr<Stream>> CreateStream(base::Executor& host_lane) = 0;
  /// UNIMPLEMENTED on the host device.
  virtual base::StatusOr<std::unique_ptr<Program>> BuildProgram(std::string_view name,
                                                                std::string_view source,
                                                                const std::string& options) = 0;
  /// From Program::Binary; drivers need not notice damage, so the caller checks what it kept.
  virtual base::StatusOr<std::unique_ptr<Program>> LoadProgram(std::string_view name,
                                                               std::span<const std::byte>,
                                                               const std::string& /*options*/) {
    return base::Unimplemented("program '" + std::string(name) + "': the device loads no binaries");
  }
};

}  // namespace hadron::device
