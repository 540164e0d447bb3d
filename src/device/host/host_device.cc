#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "base/sync.h"
#include "base/system_limits.h"
#include "device/host/factory.h"

namespace hadron::device {
namespace {

constexpr std::uint64_t kAlignment = 64;

class HostBuffer final : public DeviceBuffer {
 public:
  HostBuffer(Reservation reservation, std::uint64_t bytes, std::byte* data)
      : DeviceBuffer(std::move(reservation), bytes), data_(data) {}
  std::byte* host() override { return data_.get(); }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }  // NOLINT: from aligned_alloc
  };
  std::unique_ptr<std::byte, Free> data_;
};

/// The lane's executor runs tasks one after the other, so it is the stream: everything is a task
/// there. One Post per Flush, not per call: a hand-over costs more than a small kernel.
class HostStream final : public Stream {
 public:
  explicit HostStream(base::Executor& lane) : lane_(lane) {}

  void Upload(std::span<const std::byte> from, DeviceBuffer& to, std::uint64_t offset) override {
    if (from.empty()) return;
    std::byte* at = to.host() + offset;
    Host([from, at] {
      if (at != from.data()) std::memcpy(at, from.data(), from.size());
      return base::OkStatus();
    });
  }
  void Download(DeviceBuffer& from, std::uint64_t offset, std::span<std::byte> to) override {
    if (to.empty()) return;
    const std::byte* at = from.host() + offset;
    Host([at, to] {
      if (at != to.data()) std::memcpy(to.data(), at, to.size());
      return base::OkStatus();
    });
  }
  void Launch(DeviceKernel&, std::array<std::size_t, 3>, std::array<std::size_t, 3>) override {
    Host([] { return base::Internal("the host device has no device programs"); });
  }
  void Host(HostTask task) override { pending_.push_back({std::move(task), {}}); }
  void Record(StreamCallback done) override { pending_.push_back({{}, std::move(done)}); }

  void Flush() override {
    if (pending_.empty()) return;
    lane_.Post(
        [this, batch = std::exchange(pending_, std::deque<Item>())]() mutable { RunAll(batch); });
  }

 private:
  struct Item {
    HostTask task;
    StreamCallback done;
  };

  void RunAll(std::deque<Item>& batch) {
    for (Item& item : batch) {
      if (item.task) {
        if (status_.ok()) status_ = item.task();
        continue;
      }
      item.done(std::exchange(status_, base::Status()));
    }
  }

  base::Executor& lane_;
  std::deque<Item> pending_;
  base::Status status_;  ///< touched on the lane's thread only
};

std::string CpuName() {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("model name")) {
      return std::string(base::Trim(line.substr(line.find(':') + 1)));
    }
  }
  return "CPU";
}

class HostDevice final : public Device {
 public:
  explicit HostDevice(std::uint64_t budget_bytes) : memory_(budget_bytes) {
    const base::SystemLimits limits = base::ReadSystemLimits();
    info_ = {.id = "cpu",
             .name = CpuName(),
             .vendor = "host",
             .driver = "",
             .device_class = fmt::format("x86-64 {}", HostIsa()),
             .kind = DeviceKind::kHost,
             .host_unified = true,
             .memory_bytes = limits.memory_bytes,
             .max_allocation = limits.memory_bytes,
             .base_align = kAlignment,
             .compute_units = limits.cpus};
  }

  const DeviceInfo& info() const override { return info_; }
  MemoryPool& memory() override { return memory_; }

  base::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(Reservation reservation,
                                                         std::uint64_t bytes) override {
    HADRON_CHECK(reservation.bytes() >= bytes);
    const std::uint64_t rounded = base::AlignUp(std::max<std::uint64_t>(bytes, 1), kAlignment);
    auto* data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
    if (data == nullptr) {
      return base::ResourceExhausted(
          fmt::format("the system gives no {} of memory", base::HumanBytes(bytes)));
    }
    return std::unique_ptr<DeviceBuffer>(
        std::make_unique<HostBuffer>(std::move(reservation), bytes, data));
  }

  base::StatusOr<std::unique_ptr<Stream>> CreateStream(base::Executor& host_lane) override {
    return std::unique_ptr<Stream>(std::make_unique<HostStream>(host_lane));
  }

  base::StatusOr<std::unique_ptr<Program>> BuildProgram(std::string_view name, std::string_view,
                                                        const std::string&) override {
    return base::Unimplemented(
        fmt::format("program '{}': the host device compiles no programs", name));
  }

 private:
  DeviceInfo info_;
  MemoryPool memory_;
};

}  // namespace

std::unique_ptr<Device> MakeHostDevice(std::uint64_t budget_bytes) {
  return std::make_unique<HostDevice>(budget_bytes);
}

const char* HostIsa() {
  // DNNL_MAX_CPU_ISA is how users know to lower what oneDNN uses; our kernels heed it, too.
  const char* cap = std::getenv("DNNL_MAX_CPU_ISA");  // NOLINT(concurrency-mt-unsafe)
  const bool avx2_only = cap != nullptr && std::string_view(cap).starts_with("AVX2");
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") != 0 &&
                      __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512vl") != 0;
  if (avx512 && !avx2_only) return "avx512";
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return "avx2";
  return "generic";
}

}  // namespace hadron::device
