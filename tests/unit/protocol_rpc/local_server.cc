#include "local_server.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <future>

#include "device/host/factory.h"
#include "storage/local/factory.h"

namespace hadron::protocol::rpc {

namespace fs = std::filesystem;

LocalEngine::LocalEngine(const std::vector<std::string>& models)
    : device_(device::MakeHostDevice(std::uint64_t{1} << 30U)),
      control_thread_([this] { control_queue_.Run(); }),
      load_thread_([this] { load_queue_.Run(); }),
      lane_thread_([this] { lane_queue_.Run(); }) {
  CopyModels(models);
  backend::RegisterNativeKernels(kernels_);
  auto lane = plan::Lane::Create(*device_, *device_, lane_queue_, "lane0");
  HADRON_CHECK(lane.ok());
  lane_ = std::move(lane).value();
  model::VersionLoader::Dependencies dependencies;
  dependencies.device = device_.get();
  dependencies.host = device_.get();
  dependencies.kernels = &kernels_;
  dependencies.lane = &lane_queue_;
  dependencies.metrics = &metrics_;
  dependencies.clock = &clock_;
  residency_ = std::make_unique<model::ResidencyManager>(
      model::ResidencyManager::Options{},
      model::ResidencyManager::Dependencies{device_.get(), &control_queue_, &lane_queue_, &clock_});
  dependencies.residency = residency_.get();
  loader_ = std::make_unique<model::VersionLoader>(model::VersionLoader::Options{}, dependencies);
  scheduler_ = std::make_unique<serving::DeviceScheduler>(serving::DeviceScheduler::Dependencies{
      {lane_.get()}, &load_queue_, &clock_, residency_.get()});
  engine_ = std::make_unique<serving::InferenceEngine>(serving::InferenceEngine::Options{},
                                                       *scheduler_, metrics_.server(), clock_);
  Load();
}

LocalEngine::~LocalEngine() {
  RunDevice();  // the loop ends only where it runs
  scheduler_->Stop();
  device_thread_.join();
  for (base::TaskQueue* queue : {&control_queue_, &load_queue_, &lane_queue_}) queue->Stop();
  for (std::jthread* thread : {&control_thread_, &load_thread_, &lane_thread_}) thread->join();
  fs::remove_all(repository_);
}

void LocalEngine::CopyModels(const std::vector<std::string>& models) {
  std::string pattern = fs::temp_directory_path() / "hadron-rpc-test-XXXXXX";
  HADRON_CHECK(mkdtemp(pattern.data()) != nullptr);
  repository_ = pattern;
  for (const std::string& model : models) {
    fs::copy(fs::path(HADRON_SOURCE_DIR) / model,
             fs::path(repository_) / fs::path(model).filename(), fs::copy_options::recursive);
  }
  auto store = storage::OpenLocalStore(repository_);
  HADRON_CHECK(store.ok());
  store_ = std::move(store).value();
}

void LocalEngine::Load() {
  model::ModelManager::Dependencies dependencies;
  dependencies.stores = {store_.get()};
  dependencies.loader = loader_.get();
  dependencies.control = &control_queue_;
  dependencies.load = &load_queue_;
  dependencies.clock = &clock_;
  dependencies.metrics = &metrics_;
  dependencies.post_at = [this](base::TimePoint when, base::Task task) {
    control_queue_.PostAt(when, std::move(task));
  };
  dependencies.open_directory = storage::OpenLocalStore;
  manager_ =
      std::make_unique<model::ModelManager>(model::ModelManager::Options{}, dependencies, *this);
  std::promise<std::string> loaded;
  manager_->Start([&loaded](base::Status status) { loaded.set_value(status.ToString()); });
  EXPECT_EQ(loaded.get_future().get(), "OK");
}

void LocalEngine::RunDevice() {
  if (!device_thread_.joinable()) device_thread_ = std::jthread([this] { scheduler_->Run(); });
}

LocalServer::LocalServer(LocalEngine& engine, RpcFrontend::Options options,
                         net::MemoryBudget* budget)
    : engine_(engine) {
  options.address = "127.0.0.1";
  options.port = 0;
  auto frontend =
      RpcFrontend::Create(options, {&state_, &engine.clock(), &engine.metrics().server(), budget});
  HADRON_CHECK(frontend.ok());
  frontend_ = std::move(frontend).value();
  const base::Status bound = frontend_->Bind();
  EXPECT_TRUE(bound.ok()) << bound.ToString();
  frontend_->Start();
  Attach();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // no test shares a connection
  arguments.SetMaxReceiveMessageSize(-1);
  channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(frontend_->port()),
                                       grpc::InsecureChannelCredentials(), arguments);
  stub_ = ::inference::GRPCInferenceService::NewStub(channel_);
}

LocalServer::~LocalServer() {
  frontend_->Shutdown(engine_.clock().Now() + std::chrono::seconds(20));
}

LocalEngine& SharedEngine() {
  static LocalEngine engine(
      {"model_repo/identity_fp32", "model_repo/simple", "model_repo/simple_string",
       "model_repo/jet_bdt", "tests/data/models/scale", "tests/data/models/identity_bf16",
       "tests/data/models/identity_bool", "tests/data/models/identity_fp16",
       "tests/data/models/identity_int64", "tests/data/models/identity_string"});
  engine.RunDevice();
  return engine;
}

void WaitUntil(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "what was waited for did not happen";
    std::this_thread::yield();
  }
}

::inference::ModelInferRequest Fp32Request(const std::string& model,
                                           const std::vector<float>& values) {
  ::inference::ModelInferRequest request;
  request.set_model_name(model);
  auto& input = *request.add_inputs();
  input.set_name("INPUT0");
  input.set_datatype("FP32");
  input.add_shape(1);
  input.add_shape(static_cast<std::int64_t>(values.size()));
  std::string raw(values.size() * sizeof(float), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  request.add_raw_input_contents(raw);
  return request;
}

std::vector<float> Floats(const std::string& raw) {
  std::vector<float> values(raw.size() / sizeof(float));
  std::memcpy(values.data(), raw.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace hadron::protocol::rpc
