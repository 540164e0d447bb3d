// What an OpenCL device compiled for a network is taken from the disk the next time.
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <random>
#include <thread>

#include "base/executor.h"
#include "conformance/topology_files.h"
#include "device/host/factory.h"
#include "device/opencl/factory.h"
#include "plan/single_plan.h"

namespace hadron::test {
namespace {

constexpr std::uint64_t kBudget = std::uint64_t{2} << 30;

class WarmLoad : public ::testing::Test {
 protected:
  void SetUp() override {
    name_ = FindTopology("resnet50");
    if (!TopologyDevice().starts_with("opencl")) GTEST_SKIP() << "of OpenCL devices";
    ASSERT_FALSE(name_.empty()) << "no resnet50 among the networks";
    cache_ = std::filesystem::temp_directory_path() /
             ("hadron_warm_" + std::to_string(std::random_device{}()));
    lane_thread_ = std::jthread([this] { lane_.Run(); });
  }
  void TearDown() override {
    lane_.Stop();
    std::error_code ignored;
    std::filesystem::remove_all(cache_, ignored);
  }

  /// Loads the network as a new process would, runs it once on zeros and keeps what was compiled.
  backend::DevicePrograms::Counts LoadAndRun() {
    const auto host = device::MakeHostDevice(kBudget);
    const auto device = device::MakeOpenClDevice(0, kBudget).value();
    backend::KernelRegistry kernels;
    backend::RegisterNativeKernels(kernels);
    const auto programs = backend::RegisterOpenClKernels(
        kernels, *device, {.family = backend::OpenClFamily::kCpu, .cache_dir = cache_.string()});
    plan::CompileOptions options;
    options.max_batch = 1;
    auto model = plan::CompiledModel::Compile(TopologyModel(name_).Load().value(), options, kernels,
                                              *device, *host)
                     .value();
    std::vector<tensor::Shape> shapes;
    for (const graph::ValueId id : model->graph().inputs()) {
      shapes.push_back(graph::ToShape(model->graph().value(id).shape));
      shapes.back()[0] = 1;
    }
    std::vector<plan::RunInput> zeros(shapes.size());
    const auto single =
        plan::SinglePlan::Create({*device, *host, lane_, "test"}, std::move(model), shapes).value();
    std::promise<base::Status> ran;
    single->Start(zeros, [&ran](base::Status status) { ran.set_value(std::move(status)); });
    const base::Status status = ran.get_future().get();
    EXPECT_TRUE(status.ok()) << status.message();
    programs->Keep();
    return programs->counts();
  }

  std::string name_;
  std::filesystem::path cache_;
  base::TaskQueue lane_;
  std::jthread lane_thread_;
};

TEST_F(WarmLoad, OfResNet50CompilesNothing) {
  const auto cold = LoadAndRun();
  EXPECT_GE(cold.compiled, 5U);
  EXPECT_EQ(cold.loaded, 0U);
  const auto warm = LoadAndRun();
  EXPECT_EQ(warm.compiled, 0U);
  EXPECT_EQ(warm.loaded, cold.compiled);
}

}  // namespace
}  // namespace hadron::test
