#include "bench/engine_rig.h"

#include <span>

#include "bench/random.h"
#include "config/complete.h"
#include "config/parse.h"
#include "device/host/factory.h"
#include "onnx/loader.h"
#include "plan/compiled_model.h"

namespace hadron::bench {
namespace {

constexpr std::uint64_t kMemory = std::uint64_t{4} << 30U;

/// Positive floats below one, small integers: what every model takes.
tensor::HostTensor RandomTensor(const tensor::TensorDesc& desc, std::int64_t rows, Random& random) {
  tensor::HostTensor made{desc, {}};
  std::vector<std::int64_t> dims(desc.shape.dims().begin(), desc.shape.dims().end());
  if (!dims.empty() && dims[0] < 0) dims[0] = rows;
  made.desc.shape = tensor::Shape(std::move(dims));
  const auto elements = static_cast<std::size_t>(made.desc.shape.elements());
  if (desc.type == tensor::DataType::kFp32) {
    std::vector<float> values(elements);
    for (float& value : values) value = static_cast<float>(random.Uniform());
    made.bytes = base::IoBuf::Copy(std::as_bytes(std::span(values)));
    return made;
  }
  std::vector<std::byte> bytes(elements * tensor::ElementSize(desc.type));
  made.bytes = base::IoBuf::Copy(bytes);
  return made;
}

}  // namespace

base::StatusOr<std::unique_ptr<EngineRig>> EngineRig::Make(const std::vector<RigModel>& models,
                                                           int threads) {
  auto rig = std::unique_ptr<EngineRig>(new EngineRig);  // NOLINT: private constructor
  rig->host_ = device::MakeHostDevice(kMemory);
  backend::RegisterNativeKernels(rig->kernels_);
  rig->residency_ = std::make_unique<model::ResidencyManager>(
      model::ResidencyManager::Options{},
      model::ResidencyManager::Dependencies{rig->host_.get(), &rig->control_queue_,
                                            &rig->lane_queue_, &rig->clock_});
  HADRON_RETURN_IF_ERROR(rig->Start());
  for (const RigModel& model : models) {
    HADRON_RETURN_IF_ERROR(rig->Add(model, threads).With(model.path));
  }
  return rig;
}

base::Status EngineRig::Start() {
  for (auto& lane : lanes_) {
    HADRON_ASSIGN_OR_RETURN(lane, plan::Lane::Create(*host_, *host_, lane_queue_, "lane"));
  }
  scheduler_ = std::make_unique<serving::DeviceScheduler>(serving::DeviceScheduler::Dependencies{
      {lanes_[0].get()}, &load_queue_, &clock_, residency_.get(), lanes_[1].get()});
  engine_ = std::make_unique<serving::InferenceEngine>(serving::InferenceEngine::Options{},
                                                       *scheduler_, metrics_.server(), clock_);
  for (base::TaskQueue* queue : {&lane_queue_, &load_queue_, &control_queue_}) {
    threads_.emplace_back([queue] { queue->Run(); });
  }
  device_thread_ = std::jthread([this] { scheduler_->Run(); });
  return {};
}

base::Status EngineRig::Add(const RigModel& model, int threads) {
  HADRON_ASSIGN_OR_RETURN(auto loaded, onnx::LoadOnnxFile(model.path, {}));
  HADRON_ASSIGN_OR_RETURN(config::RawConfig raw,
                          config::ParsePbtxt(model.config, model.name + "/config.pbtxt"));
  HADRON_ASSIGN_OR_RETURN(config::RawConfig identified,
                          config::Identify(std::move(raw), {model.name, {"model.onnx"}}, false));
  config::CompletionOptions completion;
  completion.default_max_batch_size = model.max_batch;
  HADRON_ASSIGN_OR_RETURN(auto config, config::Complete(identified, &loaded.graph, completion));
  plan::CompileOptions options;
  options.max_batch = config->max_batch_size();
  options.threads = threads;
  if (config->dynamic_batching()) {
    options.preferred_batches = config->dynamic_batching()->preferred_batch_sizes;
  }
  model::ModelVersion::Parts parts;
  parts.name = model.name;
  parts.version = 1;
  parts.config = std::move(config);
  HADRON_ASSIGN_OR_RETURN(
      parts.compiled,
      plan::CompiledModel::Compile(std::move(loaded.graph), options, kernels_, *host_, *host_));
  parts.metrics = metrics_.AddModel(model.name, 1);
  HADRON_ASSIGN_OR_RETURN(parts.residence, residency_->Admit({model.name, parts.compiled->weights(),
                                                              parts.metrics, parts.history}));
  versions_.push_back(std::make_shared<const model::ModelVersion>(std::move(parts)));
  scheduler_->Add(versions_.back());
  return {};
}

EngineRig::~EngineRig() {
  if (scheduler_ != nullptr) scheduler_->Stop();
  if (residency_ != nullptr) residency_->Stop();
  if (device_thread_.joinable()) device_thread_.join();
  for (base::TaskQueue* queue : {&load_queue_, &lane_queue_, &control_queue_}) queue->Stop();
  threads_.clear();
}

serving::InferenceRequest EngineRig::Request(std::size_t model, std::int64_t rows,
                                             std::uint64_t seed) const {
  Random random(seed + 1);
  serving::InferenceRequest request;
  request.model = versions_[model];
  request.rows = request.model->config().batched() ? rows : 1;
  for (const tensor::TensorDesc& desc : request.model->input_descs()) {
    request.inputs.push_back(RandomTensor(desc, rows, random));
  }
  return request;
}

}  // namespace hadron::bench
