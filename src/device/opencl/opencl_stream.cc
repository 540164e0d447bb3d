#include "device/opencl/opencl_stream.h"

#include <fmt/format.h>

#include <deque>
#include <utility>

#include "base/sync.h"
#include "device/opencl/opencl_objects.h"

namespace hadron::device::opencl {
namespace {

/// What happens between two Records: its first failure. Thread-safe; shared by the stream and the
/// host tasks and callbacks still under way: those of a failed epoch do nothing, even after the
/// failure has been reported and all that they work on is gone.
class Epoch {
 public:
  bool failed() const {
    base::MutexLock lock(mutex_);
    return !first_failure_.ok();
  }
  void Note(base::Status status) {
    base::MutexLock lock(mutex_);
    if (first_failure_.ok()) first_failure_ = std::move(status);
  }
  base::Status Outcome() const {
    base::MutexLock lock(mutex_);
    return first_failure_.Clone();
  }

 private:
  mutable base::Mutex mutex_;
  base::Status first_failure_ HADRON_GUARDED_BY(mutex_);
};

using Reached = base::UniqueFunction<void(base::Status)>;

/// Carries a callback through the driver. The mutex hands it from one thread to the other in a way
/// that does not rest on the driver's own locks.
class Parcel {
 public:
  explicit Parcel(Reached then) {
    base::MutexLock lock(mutex_);
    then_ = std::move(then);
  }
  Reached Open() {
    base::MutexLock lock(mutex_);
    return std::move(then_);
  }

 private:
  base::Mutex mutex_;
  Reached then_ HADRON_GUARDED_BY(mutex_);
};

void CL_CALLBACK OnReached(cl_event, cl_int status, void* data) {
  Reached then = std::unique_ptr<Parcel>(static_cast<Parcel*>(data))->Open();
  then(status < 0 ? CheckCl(status, "running enqueued work") : base::Status());
}

/// Calls `then` once `event` has happened. On failure `then` is destroyed without being called.
base::Status CallWhenReached(const ClEvent& event, Reached then) {
  auto parcel = std::make_unique<Parcel>(std::move(then));
  HADRON_RETURN_IF_ERROR(
      CheckCl(clSetEventCallback(event.get(), CL_COMPLETE, &OnReached, parcel.get()),
              "clSetEventCallback"));
  parcel.release();
  return {};
}

/// A host task on its way to the lane, and the gate that holds the queue until it has run. The gate
/// opens with success even when the task failed: how a queue goes on after a failed event is left
/// to the driver, how it goes on after our Epoch is not. It opens in the destructor, so a lane that
/// drops its tasks at shutdown cannot leave the queue shut.
class HostCall {
 public:
  HostCall(HostTask task, std::shared_ptr<Epoch> epoch, ClEvent gate)
      : task_(std::move(task)), epoch_(std::move(epoch)), gate_(std::move(gate)) {}
  ~HostCall() {
    if (reached_ && task_) {
      epoch_->Note(base::Cancelled("the host lane stopped before the task ran"));
    }
    task_ = {};
    clSetUserEventStatus(gate_.get(), CL_COMPLETE);
  }
  HostCall(const HostCall&) = delete;
  HostCall& operator=(const HostCall&) = delete;

  /// The queue has come to this task, with the outcome of what was before.
  void Reach(base::Status status) {
    reached_ = true;
    epoch_->Note(std::move(status));
  }
  void Run() {
    HostTask task = std::exchange(task_, HostTask());
    if (!epoch_->failed()) epoch_->Note(task());
  }

 private:
  HostTask task_;
  std::shared_ptr<Epoch> epoch_;
  ClEvent gate_;
  bool reached_ = false;
};

/// The Records of a stream that have not reported yet. Drivers may call back out of order and on
/// several threads; the callbacks of a stream still come one after the other and in order.
/// Thread-safe.
class RecordLine {
 public:
  std::uint64_t Join(StreamCallback done, std::shared_ptr<Epoch> epoch) {
    base::MutexLock lock(mutex_);
    waiting_.push_back({std::move(done), std::move(epoch), false});
    return first_ + waiting_.size() - 1;
  }

  void Arrived(std::uint64_t number, base::Status status) {
    mutex_.Lock();
    Entry& entry = waiting_[number - first_];
    entry.epoch->Note(std::move(status));
    entry.arrived = true;
    if (std::exchange(reporting_, true)) {
      mutex_.Unlock();
      return;
    }
    while (!waiting_.empty() && waiting_.front().arrived) {
      Entry next = std::move(waiting_.front());
      waiting_.pop_front();
      ++first_;
      mutex_.Unlock();
      next.done(next.epoch->Outcome());
      mutex_.Lock();
    }
    reporting_ = false;
    mutex_.Unlock();
  }

 private:
  struct Entry {
    StreamCallback done;
    std::shared_ptr<Epoch> epoch;
    bool arrived;
  };
  base::Mutex mutex_;
  std::deque<Entry> waiting_ HADRON_GUARDED_BY(mutex_);
  std::uint64_t first_ HADRON_GUARDED_BY(mutex_) = 0;  ///< number of waiting_.front()
  bool reporting_ HADRON_GUARDED_BY(mutex_) = false;
};

class OpenClEvent final : public Event {
 public:
  explicit OpenClEvent(ClEvent event) : event_(std::move(event)) {}
  bool done() const override {
    cl_int state = CL_QUEUED;
    const cl_int error = clGetEventInfo(event_.get(), CL_EVENT_COMMAND_EXECUTION_STATUS,
                                        sizeof(state), &state, nullptr);
    return error != CL_SUCCESS || state <= CL_COMPLETE;
  }
  cl_event handle() const { return event_.get(); }

 private:
  const ClEvent event_;
};

/// Stands for a place that could not be marked: the stream's Record has the failure.
class ReachedEvent final : public Event {
 public:
  bool done() const override { return true; }
};

/// An in-order command queue. Work that is enqueued before a host task's failure is known still
/// runs; its results are to be thrown away, as the Record will say.
class OpenClStream final : public Stream {
 public:
  OpenClStream(StreamHome home, ClQueue queue, base::Executor& host_lane)
      : home_(std::move(home)), queue_(std::move(queue)), host_lane_(host_lane) {}

  void Upload(std::span<const std::byte> from, DeviceBuffer& to, std::uint64_t offset) override {
    if (from.empty() || epoch_->failed()) return;
    const cl_int error = clEnqueueWriteBuffer(queue_.get(), AsOpenCl(to).handle(), CL_FALSE, offset,
                                              from.size(), from.data(), 0, nullptr, nullptr);
    if (error != CL_SUCCESS) Fail(CheckCl(error, "clEnqueueWriteBuffer"));
  }

  void Download(DeviceBuffer& from, std::uint64_t offset, std::span<std::byte> to) override {
    if (to.empty() || epoch_->failed()) return;
    const cl_int error = clEnqueueReadBuffer(queue_.get(), AsOpenCl(from).handle(), CL_FALSE,
                                             offset, to.size(), to.data(), 0, nullptr, nullptr);
    if (error != CL_SUCCESS) Fail(CheckCl(error, "clEnqueueReadBuffer"));
  }

  void Copy(DeviceBuffer& from, std::uint64_t from_offset, DeviceBuffer& to,
            std::uint64_t to_offset, std::uint64_t bytes) override {
    if (bytes == 0 || epoch_->failed()) return;
    const cl_int error =
        clEnqueueCopyBuffer(queue_.get(), AsOpenCl(from).handle(), AsOpenCl(to).handle(),
                            from_offset, to_offset, bytes, 0, nullptr, nullptr);
    if (error != CL_SUCCESS) Fail(CheckCl(error, "clEnqueueCopyBuffer"));
  }

  void Launch(DeviceKernel& kernel, std::array<std::size_t, 3> global,
              std::array<std::size_t, 3> local) override {
    const bool nothing = global[0] * global[1] * global[2] == 0;
    if (nothing || epoch_->failed()) return;
    const auto& cl_kernel = static_cast<OpenClKernel&>(kernel);
    const std::size_t* group = local[0] == 0 ? nullptr : local.data();
    const cl_int error = clEnqueueNDRangeKernel(queue_.get(), cl_kernel.handle(), 3, nullptr,
                                                global.data(), group, 0, nullptr, nullptr);
    if (error == CL_SUCCESS) return;
    epoch_->Note(CheckCl(error, "clEnqueueNDRangeKernel").With(cl_kernel.label()));
  }

  void Host(HostTask task) override {
    if (epoch_->failed()) return;
    base::Status status = EnqueueHost(std::move(task));
    if (!status.ok()) Fail(std::move(status));
  }

  void Record(StreamCallback done) override {
    recorded_ = std::exchange(epoch_, std::make_shared<Epoch>());
    const std::uint64_t number = records_->Join(std::move(done), recorded_);
    base::Status status = EnqueueRecord(number);
    if (status.ok()) return;
    // Without a marker nobody says when the device is done, and whoever is told frees what it
    // uses. So once more; a queue that still takes none has lost its device. `done` must be called
    // even then, and not from inside Record.
    recorded_->Note(std::move(status).With(home_.name));
    if (EnqueueRecord(number).ok()) return;
    host_lane_.Post([records = records_, number] { records->Arrived(number, base::Status()); });
  }

  std::shared_ptr<const Event> Mark() override {
    auto marker = EnqueueMarker();
    if (marker.ok()) return std::make_shared<OpenClEvent>(std::move(marker).value());
    Fail(std::move(marker).status());
    return std::make_shared<ReachedEvent>();
  }

  void Wait(std::shared_ptr<const Event> event) override {
    if (event->done() || epoch_->failed()) return;
    const cl_event handle = static_cast<const OpenClEvent&>(*event).handle();
    const cl_int error = clEnqueueBarrierWithWaitList(queue_.get(), 1, &handle, nullptr);
    if (error != CL_SUCCESS) Fail(CheckCl(error, "clEnqueueBarrierWithWaitList"));
  }

  /// What could not be handed over belongs to the Record that was to be flushed, if there is one.
  void Flush() override {
    const cl_int error = clFlush(queue_.get());
    if (error == CL_SUCCESS) return;
    (recorded_ ? recorded_ : epoch_)->Note(CheckCl(error, "clFlush").With(home_.name));
  }

 private:
  void Fail(base::Status status) { epoch_->Note(std::move(status).With(home_.name)); }

  base::StatusOr<ClEvent> EnqueueMarker() {
    cl_event marker = nullptr;
    HADRON_RETURN_IF_ERROR(CheckCl(clEnqueueMarkerWithWaitList(queue_.get(), 0, nullptr, &marker),
                                   "clEnqueueMarkerWithWaitList"));
    return ClEvent(marker);
  }

  base::Status EnqueueHost(HostTask task) {
    cl_int error = CL_SUCCESS;
    ClEvent gate(clCreateUserEvent(home_.context, &error));
    HADRON_RETURN_IF_ERROR(CheckCl(error, "clCreateUserEvent"));
    const cl_event gate_handle = gate.get();
    auto call = std::make_unique<HostCall>(std::move(task), epoch_, std::move(gate));
    HADRON_ASSIGN_OR_RETURN(const ClEvent marker, EnqueueMarker());
    HADRON_RETURN_IF_ERROR(
        CheckCl(clEnqueueBarrierWithWaitList(queue_.get(), 1, &gate_handle, nullptr),
                "clEnqueueBarrierWithWaitList"));
    return CallWhenReached(marker, [call = std::move(call), name = home_.name,
                                    &lane = host_lane_](base::Status status) mutable {
      call->Reach(std::move(status).With(name));
      lane.Post([call = std::move(call)] { call->Run(); });
    });
  }

  base::Status EnqueueRecord(std::uint64_t number) {
    HADRON_ASSIGN_OR_RETURN(const ClEvent marker, EnqueueMarker());
    return CallWhenReached(marker,
                           [records = records_, number, name = home_.name](base::Status status) {
                             records->Arrived(number, std::move(status).With(name));
                           });
  }

  const StreamHome home_;
  const ClQueue queue_;
  base::Executor& host_lane_;
  std::shared_ptr<Epoch> epoch_ = std::make_shared<Epoch>();
  std::shared_ptr<Epoch> recorded_;  ///< of the last Record
  const std::shared_ptr<RecordLine> records_ = std::make_shared<RecordLine>();
};

}  // namespace

base::StatusOr<std::unique_ptr<Stream>> MakeStream(StreamHome home, base::Executor& host_lane) {
  cl_int error = CL_SUCCESS;
  ClQueue queue(clCreateCommandQueue(home.context, home.device, 0, &error));
  HADRON_RETURN_IF_ERROR(CheckCl(error, "clCreateCommandQueue").With(home.name));
  return std::unique_ptr<Stream>(
      std::make_unique<OpenClStream>(std::move(home), std::move(queue), host_lane));
}

}  // namespace hadron::device::opencl
