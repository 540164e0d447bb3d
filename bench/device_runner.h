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

/// An OpenCL device, its kernels and a thread for the host's part of its plans. Outlives runners.
class BenchDevice {
 public:
  /// The first device; PoCL gets `threads` threads. UNAVAILABLE when there is none.
  static base::StatusOr<std::unique_ptr<BenchDevice>> Open(int threads);
  ~BenchDevice();

  const device::DeviceInfo& info() const { return device_->info(); }

 private:
  friend class DeviceRunner;
  BenchDevice() = default;

  std::unique_ptr<device::Device> host_;
  std::unique_ptr<device::Device> device_;
  backend::KernelRegistry kernels_;
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
