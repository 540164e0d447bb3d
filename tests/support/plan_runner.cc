#include "support/plan_runner.h"

#include <cstring>
#include <future>
#include <utility>

#include "device/host/factory.h"
#ifdef HADRON_HAVE_OPENCL
#include "device/opencl/factory.h"
#endif

namespace hadron::test {
namespace {

using base::Status;
using base::StatusOr;
using device::DeviceBuffer;
using tensor::HostTensor;

constexpr std::uint64_t kBudget = std::uint64_t{2} << 30;
constexpr std::byte kPoison{0xFF};  // four of them are a NaN

StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(device::Device& device, std::uint64_t bytes) {
  HADRON_ASSIGN_OR_RETURN(auto reservation, device.memory().Reserve("test", bytes));
  return device.Allocate(std::move(reservation), bytes);
}

void PoisonHost(DeviceBuffer& buffer) {
  std::memset(buffer.host(), std::to_integer<int>(kPoison), buffer.bytes());
}

}  // namespace

Status PlanRunner::OpenDevice(const std::string& name) {
  host_ = device::MakeHostDevice(kBudget);
  backend::RegisterNativeKernels(kernels_);
  if (name == "cpu") return {};
#ifdef HADRON_HAVE_OPENCL
  using Family = backend::OpenClFamily;
  constexpr std::pair<const char*, Family> kFamilies[] = {
      {"opencl", Family::kAuto}, {"opencl-cpu", Family::kCpu}, {"opencl-gpu", Family::kGpu}};
  for (const auto& [device_name, family] : kFamilies) {
    if (name != device_name) continue;
    HADRON_ASSIGN_OR_RETURN(device_, device::MakeOpenClDevice(0, kBudget));
    backend::RegisterOpenClKernels(kernels_, *device_, {.family = family});
    return {};
  }
#endif
  return base::NotFound("this build has no device '" + name + "'");
}

StatusOr<std::unique_ptr<PlanRunner>> PlanRunner::Create(graph::Graph graph,
                                                         PlanRunnerOptions options) {
  auto runner = std::unique_ptr<PlanRunner>(new PlanRunner());  // NOLINT: private constructor
  runner->lane_thread_ = std::jthread([lane = &runner->lane_] { lane->Run(); });
  HADRON_RETURN_IF_ERROR(runner->OpenDevice(options.device));
  plan::CompileOptions compile;
  compile.max_batch = options.max_batch;
  compile.disabled_passes = std::move(options.disabled_passes);
  compile.reference_only = options.reference_only;
  compile.threads = options.threads;
  HADRON_ASSIGN_OR_RETURN(runner->model_,
                          plan::CompiledModel::Compile(std::move(graph), compile, runner->kernels_,
                                                       runner->device(), *runner->host_));
  HADRON_ASSIGN_OR_RETURN(runner->weights_,
                          plan::WeightBinding::Create(runner->model_->weights(), runner->device(),
                                                      runner->lane_, "test"));
  HADRON_ASSIGN_OR_RETURN(runner->stream_, runner->device().CreateStream(runner->lane_));
  return runner;
}

PlanRunner::~PlanRunner() {
  stream_.reset();
  lane_.Stop();
  if (lane_thread_.joinable()) lane_thread_.join();
}

StatusOr<std::vector<HostTensor>> PlanRunner::Run(const std::vector<HostTensor>& inputs) {
  const std::int64_t rows = inputs[0].desc.shape[0];
  std::vector<tensor::Shape> shapes;
  std::vector<plan::RunInput> run_inputs;
  for (const HostTensor& input : inputs) {
    shapes.push_back(input.desc.shape);
    shapes.back()[0] = model_->BucketFor(rows);
    run_inputs.push_back({{input.bytes}, {input.desc.shape.elements()}});
  }
  HADRON_ASSIGN_OR_RETURN(const auto plan, model_->Specialise(shapes));
  HADRON_ASSIGN_OR_RETURN(const auto io, Allocate(*host_, plan->io_bytes));
  HADRON_ASSIGN_OR_RETURN(const auto host_arena, Allocate(*host_, plan->host_arena_bytes));
  PoisonHost(*io);
  PoisonHost(*host_arena);
  std::unique_ptr<DeviceBuffer> device_arena;
  const std::vector<std::byte> poison(plan->device_arena_bytes, kPoison);
  if (!poison.empty()) {
    HADRON_ASSIGN_OR_RETURN(device_arena, Allocate(device(), poison.size()));
    stream_->Upload(poison, *device_arena, 0);
  }
  HADRON_ASSIGN_OR_RETURN(
      const auto bound,
      plan::BoundPlan::Bind(plan, weights_, {io.get(), host_arena.get(), device_arena.get()}));
  HADRON_RETURN_IF_ERROR(bound->Gather(run_inputs));
  bound->Enqueue(*stream_, plan->rows);
  std::promise<Status> finished;
  stream_->Record([&finished](Status status) { finished.set_value(std::move(status)); });
  stream_->Flush();
  HADRON_RETURN_IF_ERROR(finished.get_future().get());
  return bound->Collect(rows);
}

StatusOr<plan::InvarianceOutcome> PlanRunner::CheckBatchInvariance() {
  const std::uint64_t on_host = host_->memory().reserved();
  const std::uint64_t on_device = device().memory().reserved();
  auto outcome = plan::CheckBatchInvariance({device(), *host_, lane_, "check"}, *model_, weights_);
  HADRON_CHECK(host_->memory().reserved() == on_host);
  HADRON_CHECK(device().memory().reserved() == on_device);
  return outcome;
}

}  // namespace hadron::test
