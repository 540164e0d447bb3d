#include "unit/model/loading_rig.h"

#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <future>
#include <numeric>
#include <random>

#include "base/bytes.h"
#include "device/host/factory.h"
#include "graph/infer.h"
#include "model/repository.h"
#include "storage/local/factory.h"
#include "support/onnx_writer.h"
#ifdef HADRON_HAVE_OPENCL
#include "device/opencl/factory.h"
#endif

namespace hadron::model {
namespace {

using tensor::DataType;
using tensor::Shape;
using test::OnnxTensor;
using test::OnnxWriter;

constexpr std::uint64_t kBudget = std::uint64_t{1} << 30;
/// Little, so that one model's slab does not do for the next.
constexpr std::uint64_t kSlab = std::uint64_t{32} << 10;
constexpr std::int64_t kRows = 3;
constexpr std::chrono::minutes kPatience{1};
using Ints = std::vector<std::int64_t>;

OnnxTensor Weights(const Shape& shape, double phase) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(0.3 * std::sin(phase + 0.7 * static_cast<double>(i)));
  }
  return OnnxTensor::Floats(shape, values);
}

std::string Bystander() {
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 24}).Output("y", DataType::kFp32, {"batch", 5});
  w.Initializer("w0", Weights({24, 40}, 0.1)).Initializer("w1", Weights({40, 5}, 0.2));
  w.Node({"MatMul", {"x", "w0"}, {"h"}}).Node({"Relu", {"h"}, {"r"}});
  w.Node({"MatMul", {"r", "w1"}, {"y"}});
  return w.Serialize();
}

std::string Smooth() {
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 24}).Output("y", DataType::kFp32, {"batch", 5});
  w.Initializer("w", Weights({24, 5}, 0.4));
  w.Node({"Softplus", {"x"}, {"s"}}).Node({"MatMul", {"s", "w"}, {"y"}});
  return w.Serialize();
}

/// An encoder and a decoder with a skip, a head with a norm; CumSum is the host's.
std::string Victim() {
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 3, 12, 12}).Output("y", DataType::kFp32, {"batch", 10});
  w.Initializer("conv", Weights({8, 3, 3, 3}, 0.3)).Initializer("depth", Weights({8, 1, 3, 3}, 1));
  w.Initializer("up", Weights({8, 8, 2, 2}, 0.5)).Initializer("wide", Weights({40, 16, 3, 3}, 0.7));
  w.Initializer("head", Weights({10, 40}, 0.6)).Initializer("bias", Weights({10}, 0.8));
  w.Initializer("scale", Weights({10}, 0.9)).Initializer("axis", OnnxTensor::Ints({}, {1}));
  const test::OnnxAttribute same("pads", Ints{1, 1, 1, 1});
  const test::OnnxAttribute two("strides", Ints{2, 2});
  w.Node({"Conv", {"x", "conv"}, {"c"}, {same}}).Node({"Relu", {"c"}, {"r"}});
  w.Node({"Conv", {"r", "depth"}, {"d"}, {same, {"group", 8}}}).Node({"Add", {"d", "r"}, {"a"}});
  w.Node({"MaxPool", {"a"}, {"p"}, {{"kernel_shape", Ints{2, 2}}, two}});
  w.Node({"ConvTranspose", {"p", "up"}, {"t"}, {two}}).Node({"Sigmoid", {"t"}, {"g"}});
  w.Node({"Concat", {"g", "r"}, {"k"}, {{"axis", 1}}});
  w.Node({"Conv", {"k", "wide"}, {"v"}, {same}}).Node({"GlobalAveragePool", {"v"}, {"m"}});
  w.Node({"Flatten", {"m"}, {"f"}});
  w.Node({"Gemm", {"f", "head", "bias"}, {"l"}, {{"transB", 1}}});
  w.Node({"LayerNormalization", {"l", "scale", "bias"}, {"n"}});
  w.Node({"CumSum", {"n", "axis"}, {"s"}}).Node({"Softmax", {"s"}, {"y"}});
  return w.Serialize();
}

void WriteFile(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out << content;
  HADRON_CHECK(out.good());
}

void WriteModel(const std::filesystem::path& repository, const std::string& name,
                const std::string& file) {
  WriteFile(repository / name / "1" / "model.onnx", file);
}

base::IoBuf InputBytes(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  std::iota(values.begin(), values.end(), 0.0F);
  for (float& value : values) value = std::cos(value * 0.37F);
  return base::IoBuf::Copy(std::as_bytes(std::span(values)));
}

}  // namespace

LoadingRig::LoadingRig(const std::string& device_name,
                       [[maybe_unused]] const std::string& cache_dir, const LoadingChanges& changes)
    : directory_(std::filesystem::temp_directory_path() /
                 ("hadron_loading_" + std::to_string(std::random_device{}()))),
      metrics_({}, clock_),
      lane_thread_([this] { lane_queue_.Run(); }) {
  WriteModel(directory_, "bystander", Bystander());
  WriteModel(directory_, "smooth", Smooth());
  WriteModel(directory_, "victim", Victim());
  for (const auto& [path, content] : changes.files) WriteFile(directory_ / path, content);
  auto host = device::MakeHostDevice(kBudget);
  host_memory_ = &host->memory();
  host_ = std::make_unique<test::FaultyDevice>(std::move(host), faults_);
  if (changes.kernels) changes.kernels(kernels_);
  backend::RegisterNativeKernels(kernels_);
#ifdef HADRON_HAVE_OPENCL
  if (device_name != "cpu") {
    auto opencl = device::MakeOpenClDevice(0, kBudget).value();
    device_memory_ = &opencl->memory();
    device_ = std::make_unique<test::FaultyDevice>(std::move(opencl), faults_);
    backend::OpenClOptions options;
    options.family =
        device_name == "opencl-gpu" ? backend::OpenClFamily::kGpu : backend::OpenClFamily::kCpu;
    options.cache_dir = cache_dir;
    programs_ = backend::RegisterOpenClKernels(kernels_, *device_, options);
  }
#endif
  HADRON_CHECK(device_name == "cpu" || device_ != nullptr);
  store_ = storage::OpenLocalStore(directory_.string()).value();
  VersionLoader::Options options;
  options.compute_threads = 2;
  options.batch_invariant = changes.batch_invariant;
  ResidencyManager::Options residency;
  residency.store.slab_bytes = kSlab;
  residency_ = std::make_unique<ResidencyManager>(
      residency, ResidencyManager::Dependencies{&device(), &lane_queue_, &lane_queue_, &clock_});
  loader_ = std::make_unique<VersionLoader>(
      options,
      VersionLoader::Dependencies{&device(), host_.get(), &kernels_, &lane_queue_, &metrics_,
                                  &clock_, programs_.get(), nullptr, residency_.get()});
  RenewLane();
}

LoadingRig::~LoadingRig() {
  lane_.reset();
  lane_queue_.Stop();
  lane_thread_.join();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void LoadingRig::RenewLane() {
  lane_.reset();
  lane_ = plan::Lane::Create(device(), *host_, lane_queue_, "lane 0").value();
}

base::StatusOr<ModelHandle> LoadingRig::Load(const std::string& model, bool comes_back) {
  const std::array stores = {store_.get()};
  const ScanResult scan = Scan(stores, {}).value();
  HADRON_ASSIGN_OR_RETURN(LoadSource source, loader_->Identify(scan.models.at(model)));
  source.as_listed = comes_back;
  return loader_->Load(source, 1, std::atomic<bool>(false));
}

base::StatusOr<std::string> LoadingRig::Ask(const ModelHandle& version) {
  const graph::Graph& graph = version->compiled().graph();
  Shape shape = graph::ToShape(graph.value(graph.inputs()[0]).shape);
  shape[0] = kRows;
  const base::IoBuf bytes = InputBytes(shape);
  shape[0] = version->compiled().BucketFor(kRows);
  plan::RunRequest run;
  run.plan = version->compiled().Specialise(std::array{shape}).value();
  HADRON_ASSIGN_OR_RETURN(const ResidencyPin pin, residency_->Obtain(version));
  run.weights = pin.weights_ptr();
  run.inputs = {{{bytes}, {}}};
  run.rows = kRows;
  auto answer = std::make_shared<std::promise<plan::RunResult>>();
  run.done = [answer](plan::RunResult result) { answer->set_value(std::move(result)); };
  auto ran = answer->get_future();
  HADRON_RETURN_IF_ERROR(lane_->Submit(run));
  HADRON_CHECK(ran.wait_for(kPatience) == std::future_status::ready);
  plan::RunResult result = ran.get();
  HADRON_RETURN_IF_ERROR(std::move(result.status));
  return result.outputs.at(0).bytes.ToString();
}

std::map<std::string, std::uint64_t> LoadingRig::Ledger() {
  // What a load gives back is told to the residency behind it: empty slabs go then.
  std::promise<void> told;
  lane_queue_.Post([&told] { told.set_value(); });
  told.get_future().get();
  std::map<std::string, std::uint64_t> all;
  for (const auto& [owner, bytes] : host_memory_->ByOwner()) all["host: " + owner] = bytes;
  if (device_memory_ == nullptr) return all;
  for (const auto& [owner, bytes] : device_memory_->ByOwner()) all["device: " + owner] = bytes;
  return all;
}

}  // namespace hadron::model
