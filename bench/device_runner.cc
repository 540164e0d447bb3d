#include "bench/device_runner.h"

#include <cstdlib>
#include <future>

#include "device/host/factory.h"
#include "onnx/loader.h"
#ifdef HADRON_HAVE_OPENCL
#include "device/opencl/factory.h"
#endif

namespace hadron::bench {

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kBudget = std::uint64_t{2} << 30;

StatusOr<std::unique_ptr<BenchDevice>> BenchDevice::Open(
    [[maybe_unused]] const DeviceOptions& options) {
#ifdef HADRON_HAVE_OPENCL
  // Read when the driver is loaded; what the user has set wins.
  setenv("POCL_MAX_PTHREAD_COUNT", std::to_string(options.threads).c_str(), 0);
  setenv("POCL_MEMORY_LIMIT", "4", 0);
  if (device::ListOpenClDevices().empty()) {
    return base::Unavailable("there is no OpenCL device: install pocl-opencl-icd");
  }
  auto made = std::unique_ptr<BenchDevice>(new BenchDevice);  // NOLINT: private constructor
  made->host_ = device::MakeHostDevice(kBudget);
  HADRON_ASSIGN_OR_RETURN(made->device_, device::MakeOpenClDevice(0, kBudget));
  backend::RegisterNativeKernels(made->kernels_);
  backend::OpenClOptions kernels;
  kernels.cache_dir = options.cache_dir;
  if (options.family == "cpu") kernels.family = backend::OpenClFamily::kCpu;
  if (options.family == "gpu") kernels.family = backend::OpenClFamily::kGpu;
  if (options.tune) kernels.tune = backend::TuneMode::kFull;
  made->programs_ = backend::RegisterOpenClKernels(made->kernels_, *made->device_, kernels);
  made->lane_thread_ = std::jthread([lane = &made->lane_] { lane->Run(); });
  return made;
#else
  return base::Unavailable("this build has no OpenCL");
#endif
}

BenchDevice::~BenchDevice() {
  lane_.Stop();
  if (lane_thread_.joinable()) lane_thread_.join();
}

StatusOr<std::unique_ptr<DeviceRunner>> DeviceRunner::Load(BenchDevice& device,
                                                           const std::string& path,
                                                           std::int64_t rows, int threads) {
  auto runner = std::unique_ptr<DeviceRunner>(new DeviceRunner);  // NOLINT: private constructor
  runner->rows_ = rows;
  HADRON_ASSIGN_OR_RETURN(auto loaded, onnx::LoadOnnxFile(path, {}));
  plan::CompileOptions options;
  options.max_batch = rows;
  options.threads = threads;
  HADRON_ASSIGN_OR_RETURN(
      auto model, plan::CompiledModel::Compile(std::move(loaded.graph), options, device.kernels_,
                                               *device.device_, *device.host_));
  std::vector<tensor::Shape> shapes;
  for (const graph::ValueId id : model->graph().inputs()) {
    shapes.push_back(graph::ToShape(model->graph().value(id).shape));
    shapes.back()[0] = rows;
    runner->elements_.push_back(shapes.back().elements());
  }
  HADRON_ASSIGN_OR_RETURN(runner->single_, plan::SinglePlan::Create({*device.device_, *device.host_,
                                                                     device.lane_, "bench"},
                                                                    std::move(model), shapes));
  return runner;
}

void DeviceRunner::SetInputs(const std::vector<std::string>& bytes) {
  inputs_.clear();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    inputs_.push_back({{base::IoBuf::FromString(bytes[i])}, {elements_[i]}});
  }
}

StatusOr<std::vector<tensor::HostTensor>> DeviceRunner::Run() {
  auto ran = std::make_shared<std::promise<Status>>();
  auto outcome = ran->get_future();
  single_->Start(inputs_, [ran](Status status) { ran->set_value(std::move(status)); });
  HADRON_RETURN_IF_ERROR(outcome.get());
  return single_->Collect(rows_);
}

int DeviceRunner::host_steps() const {
  int count = 0;
  for (const plan::PlanStep& step : single_->plan().steps) {
    if (step.kind == plan::PlanStep::Kind::kKernel && !step.kernel->on_device()) ++count;
  }
  return count;
}

}  // namespace hadron::bench
