#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/io_buf.h"
#include "base/status.h"
#include "device/device.h"
#include "plan/bound_plan.h"
#include "plan/io_traffic.h"

namespace hadron::plan {

/// What came of a run. Times in nanoseconds: copying the inputs in, computing, copying out.
struct RunResult {
  base::Status status;
  /// By graph output, cut to the run's rows; those that nobody wants on the host have no bytes.
  std::vector<tensor::HostTensor> outputs;
  std::uint64_t input_ns = 0;
  std::uint64_t infer_ns = 0;
  std::uint64_t output_ns = 0;

  std::uint64_t device_ns() const { return input_ns + infer_ns + output_ns; }
};

/// A batch to be run.
struct RunRequest {
  std::shared_ptr<const ExecutionPlan> plan;
  std::shared_ptr<const WeightBinding> weights;
  std::vector<RunInput> inputs;                ///< by graph input
  std::int64_t rows = 1;                       ///< rows that count; at most plan->rows
  base::UniqueFunction<void(RunResult)> done;  ///< on the stream's thread
  /// The run is to make way for others after so long, again and again; 0: it runs in one go. When
  /// it has, `paused` is called on the stream's thread, and it goes on with Lane::Continue.
  base::Duration part{0};
  base::UniqueFunction<void()> paused = {};
  base::Duration delay{0};          ///< for tests: it takes that much longer
  std::vector<KeptPart> kept = {};  ///< of the outputs, what stays on the device
  std::vector<bool> unread = {};    ///< by output: nobody wants it on the host; empty: all wanted
};

/// A part of a device's memory for a lane's intermediate tensors.
struct ArenaPlace {
  std::shared_ptr<device::DeviceBuffer> buffer;  ///< null: none
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::shared_ptr<const void> hold;  ///< what keeps the place from being given to others
};

/// One compute stream with what its runs share: the activation arenas (as large as the largest
/// plan that ran), an I/O region for each of the two runs in flight, and the launch state of every
/// (plan, weights) pair it has seen. Weights belong to models, activations to lanes: one arena
/// serves all models.
///
/// A device that holds weights has to part with some for an arena, which is not the lane's to
/// decide: MissingArena says how much a plan wants, whoever runs the device gives it. What nobody
/// gives the lane reserves for itself, if there is room.
/// Thread rule: dev thread only, but for what the stream runs on the lane's executor.
class Lane {
 public:
  /// One run computes while the next is prepared; more would only queue in the driver.
  static constexpr int kMaxRuns = 2;

  /// `executor` is the lane's thread and outlives the lane.
  static base::StatusOr<std::unique_ptr<Lane>> Create(device::Device& device, device::Device& host,
                                                      base::Executor& executor, std::string name);
  ~Lane();

  /// Whether Submit may be called now for this plan: a slot is free, and memory that must grow is
  /// not in use.
  bool CanTake(const ExecutionPlan& plan) const;
  /// Starts the run; never blocks. Needs CanTake. RESOURCE_EXHAUSTED when the arenas cannot grow:
  /// then `done` is not called and the request is unchanged.
  base::Status Submit(RunRequest& request);
  /// Copies bytes of the device to the host, behind what was submitted; `done` is called on the
  /// stream's thread, with as many as there are spans.
  using Fetched = base::UniqueFunction<void(base::StatusOr<std::vector<base::IoBuf>>)>;
  void Fetch(std::vector<DeviceSpan> spans, Fetched done);
  /// The run that has paused goes on. One at a time runs in parts.
  void Continue();
  /// Bytes of a device's own memory that this plan needs in one piece, if they are more than the
  /// lane has; 0: it has enough, or its memory is the host's.
  std::uint64_t MissingArena(const ExecutionPlan& plan) const;
  /// Bytes of host memory that the lane has to take for this plan beyond what it has.
  std::uint64_t MissingHostMemory(const ExecutionPlan& plan) const;
  /// In place of the arena there is. Nothing is in flight.
  void GiveArena(ArenaPlace place);
  int in_flight() const { return state_->in_flight.load(); }
  /// Arena and I/O bytes held.
  std::uint64_t memory_bytes() const;
  /// Gives all of that back, until the next run needs some. Nothing is in flight.
  void ReleaseMemory();
  /// Forgets the launch state of these weights: the model is going, or they are elsewhere now. A
  /// run that uses it keeps it until it has ended.
  void Forget(const WeightBinding* weights);

 private:
  struct Entry {
    std::size_t slot;
    std::shared_ptr<BoundPlan> bound;  ///< a run holds its own, too
  };
  /// What finished runs touch; outlives the lane if they do.
  struct State {
    std::atomic<int> in_flight{0};
    std::array<std::atomic<bool>, kMaxRuns> busy{};
  };
  /// A run on its way; belongs to the tasks of its stream.
  struct Run;

  Lane(device::Device& device, device::Device& host, std::string name)
      : device_(device), host_(host), name_(std::move(name)) {}

  device::Device& host_arena_home() const;
  base::Status EnsureMemory(const ExecutionPlan& plan);
  bool Fits(const ExecutionPlan& plan) const;
  base::StatusOr<std::shared_ptr<BoundPlan>> Bound(const RunRequest& request, std::size_t slot);
  std::size_t FreeSlot() const;
  void EnqueueBegin(const std::shared_ptr<Run>& run, std::vector<RunInput> inputs);
  void EnqueueEnd(const std::shared_ptr<Run>& run);
  void EnqueuePart(const std::shared_ptr<Run>& run);

  device::Device& device_;
  device::Device& host_;
  const std::string name_;
  std::unique_ptr<device::Stream> stream_;
  std::array<std::unique_ptr<device::DeviceBuffer>, kMaxRuns> io_;
  ArenaPlace host_arena_;  ///< of host kernels: in the memory of the device if that is a CPU
  ArenaPlace device_arena_;
  std::list<Entry> entries_;  ///< most recently used first
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::shared_ptr<Run> in_parts_;  ///< null: none
};

}  // namespace hadron::plan
