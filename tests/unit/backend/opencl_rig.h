#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/opencl/factory.h"
#include "unit/backend/kernel_rig.h"
#include "unit/device/lane_thread.h"

namespace hadron::backend {

/// Runs node cases on the first OpenCL device with kernels of one family, which compile without
/// warnings.
class OpenClRig {
 public:
  explicit OpenClRig(OpenClFamily family, const std::string& build_options = "-Werror")
      : OpenClRig({.build_options = build_options, .family = family}) {}
  explicit OpenClRig(const OpenClOptions& options);

  base::StatusOr<std::unique_ptr<Kernel>> Create(const NodeCase& c);
  /// Row-major outputs; failures are reported to gtest and give an empty vector.
  std::vector<tensor::HostTensor> Run(const NodeCase& c);
  /// Kernels made while it lives are tuned.
  std::unique_ptr<Tuning> Tune() {
    return programs_->Tune([] { return true; });
  }
  device::Device& device() { return *device_; }
  device::Stream& stream() { return *stream_; }
  device::DeviceBuffer& arena() { return *arena_; }

 private:
  struct Specs;
  base::StatusOr<Specs> SpecsOf(const NodeCase& c) const;
  base::StatusOr<std::vector<tensor::HostTensor>> TryRun(const NodeCase& c);

  device::LaneThread lane_;
  std::unique_ptr<device::Device> device_;
  std::unique_ptr<device::DeviceBuffer> arena_;
  std::unique_ptr<device::Stream> stream_;
  KernelRegistry registry_;
  std::shared_ptr<DevicePrograms> programs_;
};

/// Tests of one family, by its name: "cpu" or "gpu". The rig lives as long as the suite: programs
/// are compiled once.
class OpenClOperators : public testing::TestWithParam<std::string> {
 protected:
  static void TearDownTestSuite() { rigs_.clear(); }
  OpenClRig& rig();
  /// For ExpectAgrees and ExpectBatchInvariant.
  CaseRunner runner() {
    return [this](const NodeCase& c) { return rig().Run(c); };
  }

 private:
  static inline std::map<std::string, std::unique_ptr<OpenClRig>> rigs_;
};

}  // namespace hadron::backend
