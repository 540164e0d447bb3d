#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "bench/model_runner.h"
#include "device/device.h"
#include "plan/single_plan.h"

namespace hadron::bench {

/// What a device's kernels are made with; the server has options of the same names.
struct DeviceOptions {
  int threads = 2;              ///< of PoCL
  std::string family = "auto";  ///< auto, cpu or gpu
  std::string cache_dir = {};   ///< empty: nothing is kept
  bool tune = false;            ///< every candidate, without limit of time; see Tune
};

/// An OpenCL device, its kernels and a thread for the host's part of its plans. Outlives runners.
class BenchDevice {
 public:
  /// The first device. UNAVAILABLE when there is none.
  static base::StatusOr<std::unique_ptr<BenchDevice>> Open(const DeviceOptions& options);
  ~BenchDevice();

  const device::DeviceInfo& info() const { return device_->info(); }
  /// While it lives, runners that this thread loads have their kernels tuned. Null without `tune`.
  std::unique_ptr<backend::Tuning> Tune() {
    return programs_->Tune([] { return true; });
  }
  /// Writes compiled programs to the cache.
  void Keep() { programs_->Keep(); }

 private:
  friend class DeviceRunner;
  BenchDevice() = default;

  std::unique_ptr<device::Device> host_;
  std::unique_ptr<device::Device> device_;
  backend::KernelRegistry kernels_;
  std::shared_ptr<backend::DevicePrograms> programs_;
  base::TaskQueue lane_;
  std::jthread lane_thread_;
};

/// ModelRunner's counterpart on a device. Not thread-safe.
class DeviceRunner {
 public:
  static base::StatusOr<std::unique_ptr<DeviceRunner>> Load(BenchDevice& device,
                                                            const std::string& path,
                                                            std::int64_t rows, int threads);

  void SetInputs(const std::vector<std::string>& bytes);
  base::StatusOr<std::vector<tensor::HostTensor>> Run();
  /// Steps that run on the CPU, copies not counted.
  int host_steps() const;

 private:
  DeviceRunner() = default;

  std::unique_ptr<plan::SinglePlan> single_;
  std::vector<std::int64_t> elements_;
  std::vector<plan::RunInput> inputs_;
  std::int64_t rows_ = 1;
};

}  // namespace hadron::bench
