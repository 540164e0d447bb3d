#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "backend/kernel.h"
#include "backend/opencl/program_cache.h"
#include "backend/opencl/tuner.h"
#include "base/status.h"
#include "base/sync.h"
#include "device/device.h"

namespace hadron::backend::opencl {

/// The programs of one device, each compiled once per set of options when a kernel first needs it.
/// Shared by the kernel entries of a registry. Thread-safe; the device outlives it.
///
///     HADRON_ASSIGN_OR_RETURN(auto program, library.Get("elementwise.cl", ""));
class ProgramLibrary final : public DevicePrograms {
 public:
  ProgramLibrary(device::Device& device, OpenClOptions options)
      : device_(device),
        options_(std::move(options)),
        cache_(options_.cache_dir, options_.cache_bytes),
        tuner_({.mode = options_.tune, .path = TuningFile(), .clock = &clock_}) {}

  /// Compiles common.clh, then `prefix` (generated text), then `file`. A line `#include "name"`
  /// stands for that kernel file; a file that was included already gives nothing. Failures are not
  /// kept: the next call tries again.
  base::StatusOr<std::shared_ptr<device::Program>> Get(const std::string& file,
                                                       const std::string& options,
                                                       const std::string& prefix = "");
  Counts counts() const override { return {compiled_.load(), loaded_.load()}; }
  void Keep() override;
  std::unique_ptr<Tuning> Tune(std::function<bool()> idle) override {
    return tuner_.Begin(std::move(idle));
  }
  Tuner& tuner() { return tuner_; }
  device::Device& device() { return device_; }
  const device::DeviceInfo& device_info() const { return device_.info(); }
  /// True when kernels are to be of the family for CPUs: work-items with wide vectors, no local
  /// memory, groups of one.
  bool cpu_family() const;

 private:
  base::StatusOr<std::shared_ptr<device::Program>> Make(const std::string& file,
                                                        const std::string& text,
                                                        const std::string& options)
      HADRON_REQUIRES(mutex_);
  /// Named after the device and all sources of what is tuned; "" for nowhere.
  std::string TuningFile() const;
  base::StatusOr<std::string> Source(const std::string& file) const;
  base::StatusOr<std::string> Expand(const std::string& file, std::set<std::string>& seen) const;

  device::Device& device_;
  const OpenClOptions options_;
  const ProgramCache cache_;
  const base::SystemClock clock_;
  Tuner tuner_;
  std::atomic<std::uint64_t> compiled_{0};
  std::atomic<std::uint64_t> loaded_{0};
  mutable base::Mutex mutex_;
  /// Compiled, not yet kept: by key of the cache.
  std::map<std::string, std::shared_ptr<device::Program>> fresh_ HADRON_GUARDED_BY(mutex_);
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, std::shared_ptr<device::Program>> programs_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::backend::opencl
