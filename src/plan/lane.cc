#include "plan/lane.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hadron::plan {
namespace {

using base::Status;
using base::StatusOr;
using device::DeviceBuffer;

constexpr std::size_t kMaxEntries = 512;
constexpr std::uint64_t kGrain = 64 * 1024;

std::uint64_t NsBetween(base::TimePoint from, base::TimePoint to) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
}

std::uint64_t Capacity(const std::unique_ptr<DeviceBuffer>& buffer) {
  return buffer == nullptr ? 0 : buffer->bytes();
}

std::uint64_t Rounded(std::uint64_t bytes) { return (bytes + kGrain - 1) / kGrain * kGrain; }

/// A buffer of at least `bytes`; null when `old` is large enough.
StatusOr<std::unique_ptr<DeviceBuffer>> Larger(const std::unique_ptr<DeviceBuffer>& old,
                                               std::uint64_t bytes, device::Device& device,
                                               const std::string& owner) {
  if (Capacity(old) >= bytes) return std::unique_ptr<DeviceBuffer>();
  HADRON_ASSIGN_OR_RETURN(auto reservation, device.memory().Reserve(owner, Rounded(bytes)));
  return device.Allocate(std::move(reservation), Rounded(bytes));
}

void Replace(std::unique_ptr<DeviceBuffer>& old, std::unique_ptr<DeviceBuffer> larger) {
  if (larger != nullptr) old = std::move(larger);
}

/// An arena of at least `bytes`; without a buffer when `old` is large enough.
StatusOr<ArenaPlace> LargerArena(const ArenaPlace& old, std::uint64_t bytes, device::Device& device,
                                 const std::string& owner) {
  if (old.bytes >= bytes) return ArenaPlace();
  HADRON_ASSIGN_OR_RETURN(auto reservation, device.memory().Reserve(owner, Rounded(bytes)));
  HADRON_ASSIGN_OR_RETURN(auto buffer, device.Allocate(std::move(reservation), Rounded(bytes)));
  return ArenaPlace{std::move(buffer), 0, Rounded(bytes), nullptr};
}

void Replace(ArenaPlace& old, ArenaPlace larger) {
  if (larger.buffer != nullptr) old = std::move(larger);
}

/// Moments of one run, written on the lane's thread.
struct Marks {
  base::TimePoint begin;
  base::TimePoint gathered;
  base::TimePoint computed;
};

}  // namespace

StatusOr<std::unique_ptr<Lane>> Lane::Create(device::Device& device, device::Device& host,
                                             base::Executor& executor, std::string name) {
  auto lane = std::unique_ptr<Lane>(new Lane(device, host, std::move(name)));  // NOLINT
  HADRON_ASSIGN_OR_RETURN(lane->stream_, device.CreateStream(executor));
  return lane;
}

Lane::~Lane() { HADRON_CHECK(state_->in_flight.load() == 0); }

bool Lane::Fits(const ExecutionPlan& plan) const {
  return Capacity(io_[0]) >= plan.io_bytes && Capacity(io_[1]) >= plan.io_bytes &&
         host_arena_.bytes >= plan.host_arena_bytes &&
         device_arena_.bytes >= plan.device_arena_bytes;
}

bool Lane::CanTake(const ExecutionPlan& plan) const {
  const int running = state_->in_flight.load();
  return running == 0 || (running < kMaxRuns && Fits(plan));
}

device::Device& Lane::host_arena_home() const {
  // A CPU that plays a card computes in the card's memory.
  return device_.info().kind == device::DeviceKind::kHost ? device_ : host_;
}

std::uint64_t Lane::MissingArena(const ExecutionPlan& plan) const {
  const bool host_kernels = device_.info().kind == device::DeviceKind::kHost;
  if (host_kernels && device_.info().host_unified) return 0;
  const std::uint64_t wanted = host_kernels ? plan.host_arena_bytes : plan.device_arena_bytes;
  const std::uint64_t has = host_kernels ? host_arena_.bytes : device_arena_.bytes;
  return wanted <= has ? 0 : Rounded(wanted);
}

void Lane::GiveArena(ArenaPlace place) {
  HADRON_CHECK(state_->in_flight.load() == 0);
  entries_.clear();  // their arguments point into the old one
  const bool host_kernels = device_.info().kind == device::DeviceKind::kHost;
  (host_kernels ? host_arena_ : device_arena_) = std::move(place);
}

Status Lane::EnsureMemory(const ExecutionPlan& plan) {
  if (Fits(plan)) return {};
  HADRON_CHECK(state_->in_flight.load() == 0);
  // All new memory before any old goes: a refusal leaves the lane as it was, for other models.
  std::array<std::unique_ptr<DeviceBuffer>, kMaxRuns> io;
  for (std::size_t i = 0; i < io.size(); ++i) {
    HADRON_ASSIGN_OR_RETURN(io[i], Larger(io_[i], plan.io_bytes, host_, name_));
  }
  HADRON_ASSIGN_OR_RETURN(
      auto host_arena, LargerArena(host_arena_, plan.host_arena_bytes, host_arena_home(), name_));
  HADRON_ASSIGN_OR_RETURN(auto device_arena,
                          LargerArena(device_arena_, plan.device_arena_bytes, device_, name_));
  entries_.clear();  // their arguments point into the old memory
  for (std::size_t i = 0; i < io.size(); ++i) Replace(io_[i], std::move(io[i]));
  Replace(host_arena_, std::move(host_arena));
  Replace(device_arena_, std::move(device_arena));
  return {};
}

std::size_t Lane::FreeSlot() const {
  const auto free = std::ranges::find_if(state_->busy, [](const auto& b) { return !b.load(); });
  HADRON_CHECK(free != state_->busy.end());
  return static_cast<std::size_t>(free - state_->busy.begin());
}

StatusOr<std::shared_ptr<BoundPlan>> Lane::Bound(const RunRequest& request, std::size_t slot) {
  const auto it = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.slot == slot && &entry.bound->plan() == request.plan.get() &&
           entry.bound->weights() == request.weights.get();
  });
  if (it != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, it);
    return entries_.front().bound;
  }
  const LaneMemory memory{io_[slot].get(), host_arena_.buffer.get(), device_arena_.buffer.get(),
                          host_arena_.offset, device_arena_.offset};
  HADRON_ASSIGN_OR_RETURN(auto bound, BoundPlan::Bind(request.plan, request.weights, memory));
  entries_.push_front({slot, std::move(bound)});
  // The oldest are idle: at most kMaxRuns, and those are among the newest, are in use.
  if (entries_.size() > kMaxEntries) entries_.pop_back();
  return entries_.front().bound;
}

Status Lane::Submit(RunRequest& request) {
  HADRON_RETURN_IF_ERROR(EnsureMemory(*request.plan));
  const std::size_t slot = FreeSlot();
  HADRON_ASSIGN_OR_RETURN(std::shared_ptr<BoundPlan> bound, Bound(request, slot));
  state_->busy[slot].store(true);
  state_->in_flight.fetch_add(1);

  auto marks = std::make_shared<Marks>();
  auto result = std::make_shared<RunResult>();
  stream_->Host([bound = bound.get(), marks, inputs = std::move(request.inputs)] {
    marks->begin = std::chrono::steady_clock::now();
    Status status = bound->Gather(inputs);
    marks->gathered = std::chrono::steady_clock::now();
    return status;
  });
  if (request.rows > 0)
    bound->Enqueue(*stream_, request.rows);  // of no rows there is nothing to compute
  stream_->Host([bound = bound.get(), marks, result, rows = request.rows]() -> Status {
    marks->computed = std::chrono::steady_clock::now();
    if (bound->weights()->failed()) return base::Internal("the weights did not reach the device");
    HADRON_ASSIGN_OR_RETURN(result->outputs, bound->Collect(rows));
    result->input_ns = NsBetween(marks->begin, marks->gathered);
    result->infer_ns = NsBetween(marks->gathered, marks->computed);
    result->output_ns = NsBetween(marks->computed, std::chrono::steady_clock::now());
    return {};
  });
  stream_->Record([state = state_, slot, result, plan = request.plan, weights = request.weights,
                   bound = std::move(bound),
                   done = std::move(request.done)](Status status) mutable {
    result->status = std::move(status);
    state->busy[slot].store(false);
    state->in_flight.fetch_sub(1);
    // Whoever is told may tear everything down, device included: what this task holds of it goes
    // first, because the task itself ends some time after its answer, on a thread of the driver.
    bound.reset();
    plan.reset();
    weights.reset();
    std::exchange(done, {})(std::move(*result));
  });
  stream_->Flush();
  return {};
}

std::uint64_t Lane::memory_bytes() const {
  return Capacity(io_[0]) + Capacity(io_[1]) + host_arena_.bytes + device_arena_.bytes;
}

void Lane::ReleaseMemory() {
  HADRON_CHECK(state_->in_flight.load() == 0);
  entries_.clear();  // their arguments point into it
  for (auto& io : io_) io.reset();
  host_arena_ = {};
  device_arena_ = {};
}

void Lane::Forget(const WeightBinding* weights) {
  std::erase_if(entries_,
                [weights](const Entry& entry) { return entry.bound->weights() == weights; });
}

}  // namespace hadron::plan
