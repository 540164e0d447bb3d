#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "base/clock.h"
#include "base/status.h"
#include "device/device.h"
#include "plan/execution_plan.h"
#include "plan/io_traffic.h"
#include "tensor/host_tensor.h"

namespace hadron::plan {

/// The memory of a lane that a plan is bound to.
struct LaneMemory {
  device::DeviceBuffer* io = nullptr;  ///< host memory
  device::DeviceBuffer* host_arena = nullptr;
  device::DeviceBuffer* device_arena = nullptr;  ///< null when the device is the host
  std::uint64_t host_arena_offset = 0;           ///< where the arena begins in its buffer
  std::uint64_t device_arena_offset = 0;
};

/// The mutable launch state of (plan, weights, lane memory): kernels with all arguments set,
/// string slots. A run is Gather, then Enqueue or RunSteps, then Collect. Belongs to one lane; its
/// host side is used on the lane's thread only.
class BoundPlan {
 public:
  static base::StatusOr<std::unique_ptr<BoundPlan>> Bind(
      std::shared_ptr<const ExecutionPlan> plan, std::shared_ptr<const WeightBinding> weights,
      const LaneMemory& memory);

  /// Copies the inputs into the I/O region, but for what is on the device, and for what its only
  /// reader can read where it lies: that is held until the outputs
  /// are collected. What is left of the last piece
  /// repeats the last row: a step must not fail (divide by zero, ...) for rows that nobody sent.
  base::Status Gather(std::span<const RunInput> inputs);
  /// Enqueues all steps for the pieces that hold the first `rows` rows; consecutive host steps
  /// become one host task. A step waits for the weights that it reads, not for all: the first ones
  /// run while the last weights are on their way. `traffic` outlives the run.
  void Enqueue(device::Stream& stream, std::int64_t rows, const IoTraffic& traffic = {});
  /// Where a run that is enqueued in parts has come to. Written on the lane's thread by the part
  /// that runs, read when it has ended.
  struct Progress {
    std::size_t next = 0;   ///< run, see below
    std::size_t count = 0;  ///< all of them
    bool ended() const { return next == count; }
  };
  Progress Start(std::int64_t rows) const;
  /// Enqueues what comes next, for about so long: on the host until the clock says that another
  /// step would take longer than that, on a device as many steps as `seconds_a_step` makes likely
  /// (0: not known); at least one step. `progress` outlives the part.
  struct PartLimit {
    base::Duration longest;
    double seconds_a_step = 0;
  };
  void EnqueuePart(device::Stream& stream, Progress& progress, const PartLimit& limit,
                   const IoTraffic& traffic);
  /// Enqueues one step of one piece, for profiles: all steps of a piece in order, each makes what
  /// the later ones read, then those of the next piece.
  void EnqueueStep(std::size_t piece, std::size_t index, device::Stream& stream);
  /// Brings what host kernels read, and the device has, into the I/O region; before Gather.
  void EnqueueFetches(device::Stream& stream, const IoTraffic& traffic) const {
    traffic.EnqueueFetches(stream, *memory_.io);
  }
  /// The first `rows` rows of every output, copied out of the I/O region; of outputs that are
  /// `unread` (empty: none) no bytes.
  base::StatusOr<std::vector<tensor::HostTensor>> Collect(std::int64_t rows,
                                                          const std::vector<bool>& unread = {});

  const ExecutionPlan& plan() const { return *plan_; }
  const WeightBinding* weights() const { return weights_.get(); }

 private:
  BoundPlan() = default;
  /// Runs are steps of pieces: run `piece * steps + step`.
  base::Status RunHost(std::size_t begin, std::size_t end);
  base::Status RunHostStep(std::size_t run);
  base::Status RunHostPart(Progress& progress, std::size_t end, base::Duration longest);
  /// First run from `begin` on that is not a host step or whose weights are on their way.
  std::size_t EndOfHostSteps(std::size_t begin, std::size_t count) const;
  void EnqueueDeviceStep(std::size_t run, device::Stream& stream, const IoTraffic& traffic);
  const PlanStep& StepOf(std::size_t run) const;
  /// The weights that the step reads and that are still on their way.
  std::vector<std::shared_ptr<const device::Event>> PendingWeights(std::size_t run) const;
  bool IsHostStep(std::size_t run) const;
  base::Status BindStep(const PlanStep& step, std::uint64_t piece);
  backend::BufferView View(std::uint32_t tensor, std::uint64_t piece);
  base::Status GatherStrings(const RunInput& input, std::uint32_t tensor);
  void GatherBytes(const RunInput& input, std::uint32_t tensor) const;
  void FindReaders();
  bool ReadsInPlace(const RunInput& input, std::size_t number);

  std::shared_ptr<const ExecutionPlan> plan_;
  std::shared_ptr<const WeightBinding> weights_;
  LaneMemory memory_;
  std::vector<std::byte> constants_;                        ///< Space::kConstant
  std::vector<std::vector<std::string>> strings_;           ///< by slot
  std::vector<std::unique_ptr<backend::Launch>> launches_;  ///< by run; null for copies
  std::vector<backend::KernelArgs> views_;                  ///< by run
  /// By input: the launch that alone reads it, wherever it lies; null: none. With the bytes that it
  /// reads in this run.
  std::vector<std::pair<backend::Launch*, base::IoBuf>> readers_;
  std::vector<base::Duration> host_times_;  ///< by run, the last time; lane's thread only
};

}  // namespace hadron::plan
