#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backend/kernel.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "device/device.h"
#include "model/residency_manager.h"
#include "plan/lane.h"
#include "serving/device_scheduler.h"
#include "serving/inference_engine.h"
#include "telemetry/metrics.h"

namespace hadron::bench {

/// A model for the rig: its file, and what its configuration says besides what follows from the
/// file.
struct RigModel {
  std::string name;
  std::string path;
  std::string config = {};
  std::int64_t max_batch = 8;
};

/// InferenceEngine in process, with the threads it has in the server and models on the CPU; no
/// protocol, no life cycle. Outlived by nothing of it.
class EngineRig {
 public:
  static base::StatusOr<std::unique_ptr<EngineRig>> Make(const std::vector<RigModel>& models,
                                                         int threads);
  ~EngineRig();

  /// `rows` rows of pseudo-random input, always the same for a seed.
  serving::InferenceRequest Request(std::size_t model, std::int64_t rows, std::uint64_t seed) const;
  serving::InferenceEngine& engine() { return *engine_; }
  double busy_seconds() const { return scheduler_->busy_seconds(); }
  const base::Clock& clock() const { return clock_; }
  const model::ModelVersion& model(std::size_t i) const { return *versions_[i]; }

 private:
  EngineRig() = default;
  base::Status Add(const RigModel& model, int threads);
  base::Status Start();

  base::SystemClock clock_;
  telemetry::Metrics metrics_{{}, clock_};
  std::unique_ptr<device::Device> host_;
  backend::KernelRegistry kernels_;
  base::TaskQueue lane_queue_;
  base::TaskQueue load_queue_;
  base::TaskQueue control_queue_;
  std::unique_ptr<model::ResidencyManager> residency_;
  std::array<std::unique_ptr<plan::Lane>, 2> lanes_;
  std::unique_ptr<serving::DeviceScheduler> scheduler_;
  std::unique_ptr<serving::InferenceEngine> engine_;
  std::vector<model::ModelHandle> versions_;
  std::vector<std::jthread> threads_;
  std::jthread device_thread_;
};

}  // namespace hadron::bench
