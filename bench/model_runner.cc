#include "bench/model_runner.h"

#include "device/host/factory.h"
#include "onnx/loader.h"

namespace hadron::bench {

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kBudget = std::uint64_t{4} << 30;

StatusOr<std::unique_ptr<ModelRunner>> ModelRunner::Load(const std::string& path, std::int64_t rows,
                                                         int threads) {
  auto runner = std::unique_ptr<ModelRunner>(new ModelRunner);
  runner->rows_ = rows;
  runner->host_ = device::MakeHostDevice(kBudget);
  backend::RegisterNativeKernels(runner->kernels_);
  HADRON_ASSIGN_OR_RETURN(auto loaded, onnx::LoadOnnxFile(path, {}));
  plan::CompileOptions options;
  options.max_batch = rows;
  options.threads = threads;
  HADRON_ASSIGN_OR_RETURN(
      auto model, plan::CompiledModel::Compile(std::move(loaded.graph), options, runner->kernels_,
                                               *runner->host_, *runner->host_));
  std::vector<tensor::Shape> shapes;
  for (const graph::ValueId id : model->graph().inputs()) {
    const graph::Value& value = model->graph().value(id);
    tensor::Shape shape = graph::ToShape(value.shape);
    shape[0] = rows;
    runner->inputs_.push_back({value.name, value.type, shape});
    shapes.push_back(shape);
  }
  HADRON_ASSIGN_OR_RETURN(runner->single_, plan::SinglePlan::Create({*runner->host_, *runner->host_,
                                                                     runner->lane_, "bench"},
                                                                    std::move(model), shapes));
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

StatusOr<std::vector<plan::StepTime>> ModelRunner::Profile(int runs) {
  plan::StepProfile profile(steps().size());
  for (int run = 0; run < runs; ++run) {
    Status status;
    single_->StartProfiled(run_inputs_, profile,
                           [&status](Status result) { status = std::move(result); });
    lane_.RunAll();
    HADRON_RETURN_IF_ERROR(std::move(status));
  }
  return profile.Times();
}

StatusOr<std::vector<tensor::HostTensor>> ModelRunner::Run() {
  Status status;
  single_->Start(run_inputs_, [&status](Status result) { status = std::move(result); });
  lane_.RunAll();
  HADRON_RETURN_IF_ERROR(std::move(status));
  return single_->Collect(rows_);
}

}  // namespace hadron::bench
