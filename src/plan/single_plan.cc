#include "plan/single_plan.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hadron::plan {
namespace {

using base::StatusOr;
using device::DeviceBuffer;

/// At least a byte: empty tensors are bound, too.
StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(device::Device& device, const std::string& owner,
                                                 std::uint64_t wanted) {
  const std::uint64_t bytes = std::max<std::uint64_t>(wanted, 1);
  HADRON_ASSIGN_OR_RETURN(auto reservation, device.memory().Reserve(owner, bytes));
  return device.Allocate(std::move(reservation), bytes);
}

}  // namespace

StatusOr<std::unique_ptr<SinglePlan>> SinglePlan::Create(const Places& places,
                                                         std::shared_ptr<const CompiledModel> model,
                                                         std::span<const tensor::Shape> shapes) {
  auto single = std::unique_ptr<SinglePlan>(new SinglePlan);  // NOLINT: private constructor
  single->model_ = std::move(model);
  HADRON_ASSIGN_OR_RETURN(single->plan_, single->model_->Specialise(shapes));
  HADRON_ASSIGN_OR_RETURN(
      auto weights,
      WeightBinding::Create(single->model_->weights(), places.device, places.lane, places.owner));
  const ExecutionPlan& plan = *single->plan_;
  HADRON_ASSIGN_OR_RETURN(single->io_, Allocate(places.host, places.owner, plan.io_bytes));
  HADRON_ASSIGN_OR_RETURN(single->host_arena_,
                          Allocate(places.host, places.owner, plan.host_arena_bytes));
  if (plan.device_arena_bytes > 0) {
    HADRON_ASSIGN_OR_RETURN(single->device_arena_,
                            Allocate(places.device, places.owner, plan.device_arena_bytes));
  }
  HADRON_ASSIGN_OR_RETURN(
      single->bound_,
      BoundPlan::Bind(single->plan_, std::move(weights),
                      {single->io_.get(), single->host_arena_.get(), single->device_arena_.get()}));
  HADRON_ASSIGN_OR_RETURN(single->stream_, places.device.CreateStream(places.lane));
  return single;
}

void SinglePlan::Gather(std::vector<RunInput> inputs) {
  stream_->Host([this, inputs = std::move(inputs)] {
    base::Status status = bound_->Gather(inputs);
    begin_ = std::chrono::steady_clock::now();
    return status;
  });
}

void SinglePlan::Start(std::vector<RunInput> inputs, device::StreamCallback done) {
  Gather(std::move(inputs));
  bound_->Enqueue(*stream_, plan_->rows);
  stream_->Host([this] {
    const auto elapsed = std::chrono::steady_clock::now() - begin_;
    last_run_us_ = std::chrono::duration<double, std::micro>(elapsed).count();
    return base::OkStatus();
  });
  stream_->Record(std::move(done));
  stream_->Flush();
}

void SinglePlan::StartProfiled(std::vector<RunInput> inputs, StepProfile& profile,
                               device::StreamCallback done) {
  Gather(std::move(inputs));
  profile.EnqueueRun(*bound_, *stream_);
  stream_->Record(std::move(done));
  stream_->Flush();
}

StatusOr<std::vector<tensor::HostTensor>> SinglePlan::Collect(std::int64_t rows) const {
  return bound_->Collect(rows);
}

}  // namespace hadron::plan
