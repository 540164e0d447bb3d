#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "model/version_loader.h"
#include "plan/lane.h"
#include "storage/object_store.h"
#include "support/faulty_device.h"
#include "telemetry/metrics.h"

namespace hadron::model {

/// What differs from the server's defaults.
struct LoadingChanges {
  bool batch_invariant = true;
  /// Registers kernels in front of the native ones.
  std::function<void(backend::KernelRegistry&)> kernels = {};
  /// More files of the repository: content by path.
  std::map<std::string, std::string> files = {};
};

/// Loads models as the server does and asks them, on a device that can be told to fail:
/// "bystander", two matrix products, "smooth", a Softplus before one, and "victim", a small network
/// with every family of kernels and a step that only the host has. Errors of the rig itself abort.
class LoadingRig {
 public:
  /// "cpu", or the first OpenCL device with the kernels of a family: "opencl-cpu", "opencl-gpu".
  /// `cache_dir`: where compiled programs are kept; "" for nowhere.
  explicit LoadingRig(const std::string& device, const std::string& cache_dir = "",
                      const LoadingChanges& changes = {});
  ~LoadingRig();
  LoadingRig(const LoadingRig&) = delete;
  LoadingRig& operator=(const LoadingRig&) = delete;

  /// `comes_back`: as after it has left host memory.
  base::StatusOr<ModelHandle> Load(const std::string& model, bool comes_back = false);
  /// The bytes of the output for a fixed input of three rows, by the serving lane. A run that does
  /// not end within a minute aborts.
  base::StatusOr<std::string> Ask(const ModelHandle& version);
  /// Forgets the serving lane, so that the next question needs memory and kernels anew.
  void RenewLane();

  /// Bytes by owner, of the host and of the device.
  std::map<std::string, std::uint64_t> Ledger();
  test::MemoryFaults& faults() { return faults_; }
  /// Null on the CPU.
  backend::DevicePrograms* programs() const { return programs_.get(); }
  plan::Lane& lane() { return *lane_; }

 private:
  device::Device& device() const { return device_ == nullptr ? *host_ : *device_; }

  std::filesystem::path directory_;
  base::SystemClock clock_;
  telemetry::Metrics metrics_;
  test::MemoryFaults faults_;
  device::MemoryPool* host_memory_ = nullptr;
  device::MemoryPool* device_memory_ = nullptr;  ///< null on the CPU
  std::unique_ptr<device::Device> host_;
  std::unique_ptr<device::Device> device_;  ///< null on the CPU
  backend::KernelRegistry kernels_;
  std::shared_ptr<backend::DevicePrograms> programs_;
  base::TaskQueue lane_queue_;
  std::jthread lane_thread_;
  std::unique_ptr<storage::ObjectStore> store_;
  std::unique_ptr<ResidencyManager> residency_;
  std::unique_ptr<VersionLoader> loader_;
  std::unique_ptr<plan::Lane> lane_;
};

}  // namespace hadron::model
