#include "plan/lane.h"

#include <algorithm>
#include <chrono>
#include <thread>
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

std::uint64_t Lane::MissingHostMemory(const ExecutionPlan& plan) const {
  std::uint64_t missing = 0;
  for (const auto& io : io_) {
    if (Capacity(io) < plan.io_bytes) missing += Rounded(plan.io_bytes);
  }
  if (&host_arena_home().memory() != &host_.memory()) return missing;
  if (host_arena_.bytes < plan.host_arena_bytes) missing += Rounded(plan.host_arena_bytes);
  return missing;
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

/// Written on the lane's thread while a task of it runs, on `dev` between its parts.
struct Lane::Run {
  std::shared_ptr<State> state;
  std::size_t slot = 0;
  std::shared_ptr<BoundPlan> bound;
  std::shared_ptr<const ExecutionPlan> plan;
  std::shared_ptr<const WeightBinding> weights;
  std::int64_t rows = 1;
  IoTraffic traffic;
  std::vector<bool> unread;
  RunResult result;
  base::TimePoint mark;  ///< when what is going on now began
  BoundPlan::Progress progress;
  base::Duration part{0};
  double step_seconds = 0;  ///< of a step of the last part, on average
  base::UniqueFunction<void(RunResult)> done;
  base::UniqueFunction<void()> paused;

  std::uint64_t Lap() {
    const base::TimePoint before = std::exchange(mark, std::chrono::steady_clock::now());
    return NsBetween(before, mark);
  }
  Status Collect();
  void End(Status status);
};

Status Lane::Run::Collect() {
  if (bound->weights()->failed()) return base::Internal("the weights did not reach the device");
  HADRON_ASSIGN_OR_RETURN(result.outputs, bound->Collect(rows, unread));
  result.output_ns = Lap();
  return {};
}

void Lane::Run::End(Status status) {
  result.status = std::move(status);
  state->busy[slot].store(false);
  state->in_flight.fetch_sub(1);
  // Whoever is told may tear everything down, device included: what this task holds of it goes
  // first, because the task itself ends some time after its answer, on a thread of the driver.
  bound.reset();
  plan.reset();
  weights.reset();
  traffic = {};
  paused = {};
  std::exchange(done, {})(std::move(result));
}

void Lane::EnqueueBegin(const std::shared_ptr<Run>& run, std::vector<RunInput> inputs) {
  run->bound->EnqueueFetches(*stream_, run->traffic);
  stream_->Host([run = run.get(), inputs = std::move(inputs)] {
    run->mark = std::chrono::steady_clock::now();
    Status status = run->bound->Gather(inputs);
    run->result.input_ns = run->Lap();
    return status;
  });
}

void Lane::EnqueueEnd(const std::shared_ptr<Run>& run) {
  stream_->Host([run = run.get()] {
    run->result.infer_ns += run->Lap();
    return run->Collect();
  });
  stream_->Record([run](Status status) { run->End(std::move(status)); });
}

void Lane::EnqueuePart(const std::shared_ptr<Run>& run) {
  const BoundPlan::PartLimit limit{run->part, run->step_seconds};
  const std::size_t first = run->progress.next;
  run->bound->EnqueuePart(*stream_, run->progress, limit, run->traffic);
  stream_->Host([run = run.get(), first]() -> Status {
    const std::uint64_t ns = run->Lap();
    run->result.infer_ns += ns;
    const auto steps = static_cast<double>(run->progress.next - first);
    if (steps > 0) run->step_seconds = static_cast<double>(ns) * 1e-9 / steps;
    return {};
  });
  stream_->Record([run](Status status) {
    if (!status.ok()) return run->End(std::move(status));
    run->paused();
  });
}

Status Lane::Submit(RunRequest& request) {
  HADRON_RETURN_IF_ERROR(EnsureMemory(*request.plan));
  const std::size_t slot = FreeSlot();
  HADRON_ASSIGN_OR_RETURN(std::shared_ptr<BoundPlan> bound, Bound(request, slot));
  state_->busy[slot].store(true);
  state_->in_flight.fetch_add(1);

  auto run = std::make_shared<Run>();
  run->state = state_;
  run->slot = slot;
  run->bound = std::move(bound);
  run->plan = request.plan;
  run->weights = request.weights;
  run->rows = request.rows;
  run->traffic = IoTraffic(*run->plan, request.inputs, request.kept, request.unread);
  run->unread = std::move(request.unread);
  run->done = std::move(request.done);
  EnqueueBegin(run, std::move(request.inputs));
  if (request.delay.count() > 0) {
    stream_->Host([delay = request.delay]() -> Status {
      std::this_thread::sleep_for(delay);
      return {};
    });
  }
  if (request.part.count() > 0 && request.rows > 0) {
    run->part = request.part;
    run->paused = std::move(request.paused);
    run->progress = run->bound->Start(run->rows);
    in_parts_ = run;
    EnqueuePart(run);
  } else {
    // Of no rows there is nothing to compute.
    if (run->rows > 0) run->bound->Enqueue(*stream_, run->rows, run->traffic);
    EnqueueEnd(run);
  }
  stream_->Flush();
  return {};
}

void Lane::Fetch(std::vector<DeviceSpan> spans, Fetched done) {
  std::vector<std::vector<std::byte>> copies;
  for (const DeviceSpan& span : spans) {
    std::vector<std::byte>& copy = copies.emplace_back(span.bytes);
    stream_->Download(*span.buffer, span.offset, copy);
  }
  stream_->Record([spans = std::move(spans), copies = std::move(copies),
                   done = std::move(done)](Status status) mutable {
    spans.clear();  // who is told may let the device go
    if (!status.ok()) return done(std::move(status));
    std::vector<base::IoBuf> fetched;
    for (auto& copy : copies) fetched.push_back(base::IoBuf::FromVector(std::move(copy)));
    done(std::move(fetched));
  });
  stream_->Flush();
}

void Lane::Continue() {
  const std::shared_ptr<Run> run = in_parts_;
  HADRON_CHECK(run != nullptr);
  stream_->Host([run = run.get()]() -> Status {
    run->mark = std::chrono::steady_clock::now();
    return {};
  });
  if (run->progress.ended()) {
    in_parts_.reset();
    EnqueueEnd(run);
  } else {
    EnqueuePart(run);
  }
  stream_->Flush();
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
