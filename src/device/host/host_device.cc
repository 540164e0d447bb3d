#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
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

/// Reached when its last Reacher goes: a stream that drops its tasks at shutdown must not leave
/// another one waiting.
class HostEvent final : public Event {
 public:
  /// Held by the stream until it comes to the event's place.
  class Reacher {
   public:
    explicit Reacher(std::shared_ptr<HostEvent> event) : event_(std::move(event)) {}
    Reacher(Reacher&&) = default;
    Reacher& operator=(Reacher&&) = default;
    ~Reacher() {
      if (event_ != nullptr) event_->Reach();
    }

   private:
    std::shared_ptr<HostEvent> event_;
  };

  bool done() const override { return reached_.load(); }
  void Await() const { reached_.wait(false); }

 private:
  void Reach() {
    reached_.store(true);
    reached_.notify_all();
  }

  std::atomic<bool> reached_{false};
};

/// The lane's executor runs tasks one after the other, so it is the stream: everything is a task
/// there. One Post per Flush, not per call: a hand-over costs more than a small kernel.
class HostStream final : public Stream {
 public:
  HostStream(base::Executor& lane, std::uint64_t bytes_per_second)
      : lane_(lane), bytes_per_second_(bytes_per_second) {}

  void Upload(std::span<const std::byte> from, DeviceBuffer& to, std::uint64_t offset) override {
    if (from.empty()) return;
    std::byte* at = to.host() + offset;
    Host([this, from, at] {
      const auto begin = std::chrono::steady_clock::now();
      if (at != from.data()) std::memcpy(at, from.data(), from.size());
      TakeTime(begin, from.size());
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
  void Copy(DeviceBuffer& from, std::uint64_t from_offset, DeviceBuffer& to,
            std::uint64_t to_offset, std::uint64_t bytes) override {
    if (bytes == 0) return;
    Host([source = from.host() + from_offset, target = to.host() + to_offset, bytes] {
      std::memcpy(target, source, bytes);
      return base::OkStatus();
    });
  }
  void Launch(DeviceKernel&, std::array<std::size_t, 3>, std::array<std::size_t, 3>) override {
    Host([] { return base::Internal("the host device has no device programs"); });
  }
  void Host(HostTask task) override { pending_.push_back({std::move(task), {}, {}}); }
  void Record(StreamCallback done) override { pending_.push_back({{}, std::move(done), {}}); }
  std::shared_ptr<const Event> Mark() override {
    auto event = std::make_shared<HostEvent>();
    pending_.push_back({{}, {}, HostEvent::Reacher(event)});
    return event;
  }
  void Wait(std::shared_ptr<const Event> event) override {
    if (event->done()) return;
    Host([event = std::static_pointer_cast<const HostEvent>(std::move(event))] {
      event->Await();
      return base::OkStatus();
    });
  }

  void Flush() override {
    if (pending_.empty()) return;
    lane_.Post(
        [this, batch = std::exchange(pending_, std::deque<Item>())]() mutable { RunAll(batch); });
  }

 private:
  struct Item {
    HostTask task;
    StreamCallback done;
    std::optional<HostEvent::Reacher> reach;
  };

  void RunAll(std::deque<Item>& batch) {
    for (Item& item : batch) {
      if (item.task) {
        if (status_.ok()) status_ = item.task();
        continue;
      }
      if (item.done) item.done(std::exchange(status_, base::Status()));
      item.reach.reset();
    }
  }

  /// A copy at the rate of the link that is played: one after the other, so pauses are not lent.
  void TakeTime(base::TimePoint begin, std::size_t bytes) {
    if (bytes_per_second_ == 0) return;
    link_free_ = std::max(link_free_, begin) +
                 base::Duration(static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 /
                                                          static_cast<double>(bytes_per_second_)));
    std::this_thread::sleep_until(link_free_);
  }

  base::Executor& lane_;
  const std::uint64_t bytes_per_second_;  ///< 0: as fast as memory goes
  base::TimePoint link_free_;             ///< touched on the lane's thread only
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
  explicit HostDevice(const HostDeviceOptions& options)
      : options_(options), memory_(options.budget_bytes) {
    const base::SystemLimits limits = base::ReadSystemLimits();
    info_ = {.id = "cpu",
             .name = CpuName(),
             .vendor = "host",
             .driver = "",
             .device_class = fmt::format("x86-64 {}", HostIsa()),
             .kind = DeviceKind::kHost,
             .host_unified = options.copy_bytes_per_second == 0,
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
    return std::unique_ptr<Stream>(
        std::make_unique<HostStream>(host_lane, options_.copy_bytes_per_second));
  }

  base::StatusOr<std::unique_ptr<Program>> BuildProgram(std::string_view name, std::string_view,
                                                        const std::string&) override {
    return base::Unimplemented(
        fmt::format("program '{}': the host device compiles no programs", name));
  }

 private:
  const HostDeviceOptions options_;
  DeviceInfo info_;
  MemoryPool memory_;
};

}  // namespace

std::unique_ptr<Device> MakeHostDevice(std::uint64_t budget_bytes) {
  return MakeHostDevice(HostDeviceOptions{.budget_bytes = budget_bytes});
}

std::unique_ptr<Device> MakeHostDevice(const HostDeviceOptions& options) {
  return std::make_unique<HostDevice>(options);
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
