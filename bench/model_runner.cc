#include "bench/model_runner.h"

#include <algorithm>
#include <chrono>

#include "bench/rounds.h"
#include "device/host/factory.h"
#include "onnx/loader.h"

namespace hadron::bench {

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kBudget = std::uint64_t{4} << 30;

StatusOr<std::unique_ptr<device::DeviceBuffer>> ModelRunner::Allocate(std::uint64_t bytes) {
  HADRON_ASSIGN_OR_RETURN(auto reservation, host_->memory().Reserve("bench", bytes));
  return host_->Allocate(std::move(reservation), bytes);
}

StatusOr<std::unique_ptr<ModelRunner>> ModelRunner::Load(const std::string& path, std::int64_t rows,
                                                         int threads) {
  auto runner = std::unique_ptr<ModelRunner>(new ModelRunner);
  runner->rows_ = rows;
  runner->host_ = device::MakeHostDevice(kBudget);
  backend::RegisterOneDnnKernels(runner->kernels_);
  HADRON_ASSIGN_OR_RETURN(auto loaded, onnx::LoadOnnxFile(path, {}));
  plan::CompileOptions options;
  options.max_batch = rows;
  options.threads = threads;
  HADRON_ASSIGN_OR_RETURN(runner->model_, plan::CompiledModel::Compile(
                                              std::move(loaded.graph), options, runner->kernels_,
                                              *runner->host_, *runner->host_));
  HADRON_ASSIGN_OR_RETURN(runner->weights_,
                          plan::WeightBinding::Create(runner->model_->weights(), *runner->host_,
                                                      runner->lane_, "bench"));
  std::vector<tensor::Shape> shapes;
  for (const graph::ValueId id : runner->model_->graph().inputs()) {
    const graph::Value& value = runner->model_->graph().value(id);
    tensor::Shape shape = graph::ToShape(value.shape);
    shape[0] = rows;
    runner->inputs_.push_back({value.name, value.type, shape});
    shapes.push_back(shape);
  }
  HADRON_ASSIGN_OR_RETURN(runner->plan_, runner->model_->Specialise(shapes));
  HADRON_ASSIGN_OR_RETURN(runner->io_, runner->Allocate(runner->plan_->io_bytes));
  HADRON_ASSIGN_OR_RETURN(runner->arena_, runner->Allocate(runner->plan_->host_arena_bytes));
  HADRON_ASSIGN_OR_RETURN(
      runner->bound_, plan::BoundPlan::Bind(runner->plan_, runner->weights_,
                                            {runner->io_.get(), runner->arena_.get(), nullptr}));
  HADRON_ASSIGN_OR_RETURN(runner->stream_, runner->host_->CreateStream(runner->lane_));
  return runner;
}

ModelRunner::~ModelRunner() = default;

Status ModelRunner::SetInputs(const std::vector<std::string>& bytes) {
  run_inputs_.clear();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    run_inputs_.push_back({{base::IoBuf::FromString(bytes[i])}, {inputs_[i].shape.elements()}});
  }
  return {};
}

StatusOr<std::vector<ModelRunner::StepTime>> ModelRunner::Profile(int runs) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> times(plan_->steps.size());
  for (int run = 0; run < runs; ++run) {
    HADRON_RETURN_IF_ERROR(bound_->Gather(run_inputs_));
    for (std::size_t i = 0; i < times.size(); ++i) {
      Status status;
      const auto begin = Clock::now();
      bound_->EnqueueStep(i, *stream_);
      stream_->Record([&status](Status result) { status = std::move(result); });
      stream_->Flush();
      lane_.RunAll();
      times[i].push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
      HADRON_RETURN_IF_ERROR(std::move(status));
    }
  }
  std::vector<StepTime> steps;
  for (std::size_t i = 0; i < times.size(); ++i) {
    steps.push_back({plan_->steps[i].label, *std::ranges::min_element(times[i])});
  }
  return steps;
}

StatusOr<std::vector<tensor::HostTensor>> ModelRunner::Run() {
  HADRON_RETURN_IF_ERROR(bound_->Gather(run_inputs_));
  bound_->Enqueue(*stream_);
  Status status;
  stream_->Record([&status](Status result) { status = std::move(result); });
  stream_->Flush();
  lane_.RunAll();
  HADRON_RETURN_IF_ERROR(std::move(status));
  return bound_->Collect(rows_);
}

}  // namespace hadron::bench
