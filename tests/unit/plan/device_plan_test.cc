// A plan whose nodes run in two places: what an OpenCL device has kernels for there, the rest on
// the CPU, with explicit copies between them.
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <thread>

#include "backend/reference_executor.h"
#include "base/bytes.h"
#include "base/executor.h"
#include "device/host/factory.h"
#include "device/opencl/factory.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "parts_cases.h"
#include "plan/compiled_model.h"
#include "plan/lane.h"
#include "support/recorded_model.h"

namespace hadron::plan {
namespace {

using tensor::DataType;
using tensor::HostTensor;

constexpr std::uint64_t kBudget = std::uint64_t{1} << 30;

graph::ValueId AddNode(graph::Graph& graph, const std::string& op,
                       std::vector<graph::ValueId> inputs) {
  graph::Node node;
  node.name = op + std::to_string(graph.nodes().size());
  node.op_type = op;
  node.schema = graph::OpRegistry::Get().Find("", op);
  node.since_version = node.schema->versions.back();
  node.inputs = std::move(inputs);
  node.outputs = {graph.AddValue(node.name + ":0")};
  graph.nodes().push_back(std::move(node));
  return graph.nodes().back().outputs[0];
}

/// y = Sigmoid(CumSum(MatMul(Exp(x + 1), w))) + x: all but CumSum suits the device.
graph::Graph MixedGraph() {
  graph::Graph graph;
  const auto x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 8});
  const std::vector<float> one = {1.0F};
  const auto bias = graph.AddConstant("one", graph::Constant::FromFloats("one", one, {1}));
  std::vector<float> weights(64);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = 0.01F * static_cast<float>(i % 13);
  }
  const auto w = graph.AddConstant("w", graph::Constant::FromFloats("w", weights, {8, 8}));
  const auto e = AddNode(graph, "Exp", {AddNode(graph, "Add", {x, bias})});
  const std::int64_t last = 1;
  const auto axis = graph.AddConstant(
      "axis", graph::Constant::FromTensor({{"axis", DataType::kInt64, tensor::Shape{}},
                                           base::IoBuf::Copy(std::as_bytes(std::span(&last, 1)))}));
  const auto c = AddNode(graph, "CumSum", {AddNode(graph, "MatMul", {e, w}), axis});
  const auto s = AddNode(graph, "Sigmoid", {c});
  graph.AddOutput("y", AddNode(graph, "Add", {s, x}));
  EXPECT_TRUE(graph::InferShapes(graph).ok());
  return graph;
}

HostTensor Input(std::int64_t rows) {
  std::vector<float> values(static_cast<std::size_t>(rows) * 8);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.1F * static_cast<float>(i % 7);
  return {{"x", DataType::kFp32, {rows, 8}}, base::IoBuf::Copy(std::as_bytes(std::span(values)))};
}

/// Runs a request on a lane and waits for the answer.
RunResult RunOnLane(Lane& lane, const CompiledModel& model,
                    const std::shared_ptr<const WeightBinding>& weights, const HostTensor& input) {
  const std::int64_t rows = input.desc.shape[0];
  tensor::Shape shape = input.desc.shape;
  shape[0] = model.BucketFor(rows);
  auto plan = model.Specialise(std::vector{shape});
  EXPECT_TRUE(plan.ok()) << plan.message();
  std::promise<RunResult> promise;
  RunRequest request;
  request.plan = *plan;
  request.weights = weights;
  request.inputs = {{{input.bytes}, {input.desc.shape.elements()}}};
  request.rows = rows;
  request.done = [&promise](RunResult result) { promise.set_value(std::move(result)); };
  EXPECT_TRUE(lane.CanTake(**plan));
  EXPECT_TRUE(lane.Submit(request).ok());
  return promise.get_future().get();
}

class DevicePlan : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(device::ListOpenClDevices().empty())
        << "no OpenCL device: install pocl-opencl-icd";
    auto device = device::MakeOpenClDevice(0, kBudget);
    ASSERT_TRUE(device.ok()) << device.message();
    device_ = std::move(device).value();
    host_ = device::MakeHostDevice(kBudget);
    backend::RegisterNativeKernels(kernels_);
    backend::RegisterOpenClKernels(kernels_, *device_, {});
    thread_ = std::jthread([this] { lane_thread_.Run(); });
  }
  void TearDown() override {
    lane_thread_.Stop();
    if (thread_.joinable()) thread_.join();
  }

  std::unique_ptr<device::Device> device_;
  std::unique_ptr<device::Device> host_;
  backend::KernelRegistry kernels_;
  base::TaskQueue lane_thread_;
  std::jthread thread_;
};

TEST_F(DevicePlan, RunsNodesInBothPlacesWithExplicitCopies) {
  {
    CompileOptions options;
    options.max_batch = 4;
    auto model = CompiledModel::Compile(MixedGraph(), options, kernels_, *device_, *host_);
    ASSERT_TRUE(model.ok()) << model.message();
    auto weights =
        WeightBinding::Create((*model)->weights(), *device_, lane_thread_, "model 'mixed'");
    ASSERT_TRUE(weights.ok()) << weights.message();
    auto plan = (*model)->Specialise(std::vector{tensor::Shape{4, 8}});
    ASSERT_TRUE(plan.ok()) << plan.message();
    int on_device = 0;
    int on_host = 0;
    int copies = 0;
    for (const PlanStep& step : (*plan)->steps) {
      if (step.kind != PlanStep::Kind::kKernel) {
        ++copies;
      } else {
        (step.kernel->on_device() ? on_device : on_host) += 1;
      }
    }
    EXPECT_EQ(on_device, 5) << (*plan)->Listing();  // Add, Exp, MatMul, Sigmoid, Add
    EXPECT_EQ(on_host, 1) << (*plan)->Listing();    // CumSum
    EXPECT_EQ(copies, 4) << (*plan)->Listing();     // x up, MatMul down, CumSum up, y down
    EXPECT_EQ((*model)->placement().device, on_device);
    EXPECT_EQ((*model)->placement().host, on_host);
    EXPECT_EQ((*model)->placement().copies, copies);

    auto lane = Lane::Create(*device_, *host_, lane_thread_, "lane 0");
    ASSERT_TRUE(lane.ok()) << lane.message();
    for (const std::int64_t rows : {4, 1, 3}) {
      const HostTensor input = Input(rows);
      const RunResult result = RunOnLane(**lane, **model, *weights, input);
      ASSERT_TRUE(result.status.ok()) << result.status.message();
      auto want = backend::ExecuteReference(MixedGraph(), std::vector{input});
      ASSERT_TRUE(want.ok()) << want.message();
      ASSERT_EQ(result.outputs[0].desc.shape, (tensor::Shape{rows, 8}));
      const auto got_bytes = result.outputs[0].bytes.Flatten();
      const auto got = base::AsArray<float>(got_bytes.bytes());
      const auto expected = base::AsArray<float>((*want)[0].bytes.bytes());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 2e-6 * std::abs(expected[i]) + 1e-7) << i;
      }
    }
  }
  EXPECT_EQ(device_->memory().reserved(), 0U);
  EXPECT_EQ(host_->memory().reserved(), 0U);
}

TEST(DevicePlans, OfTheExamplesPassTheCheckOfLoads) {
  const std::string root = HADRON_SOURCE_DIR;
  for (const char* const device : {"opencl-cpu", "opencl-gpu"}) {
    for (const char* const name : {"digits", "calo_gan", "jet_bdt", "simple"}) {
      test::ExpectPassesLoadCheck(root + "/model_repo/" + name + "/1/model.onnx", device);
    }
  }
}

TEST(DevicePlans, DescribePartsInsteadOfCopyingThem) {
  for (const char* const device : {"opencl-cpu", "opencl-gpu"}) ExpectPartsNeedNoCopies(device);
}

TEST(DevicePlans, MergeProductsWithoutChangingAByte) {
  for (const char* const device : {"opencl-cpu", "opencl-gpu"}) {
    ExpectMergedProductsGiveTheSameBytes(device);
  }
}

TEST_F(DevicePlan, AnswersWhenNothingHoldsTheWeightsButTheLane) {
  CompileOptions options;
  options.max_batch = 4;
  auto model = CompiledModel::Compile(MixedGraph(), options, kernels_, *device_, *host_);
  ASSERT_TRUE(model.ok()) << model.message();
  auto weights = WeightBinding::Create((*model)->weights(), *device_, lane_thread_, "model");
  ASSERT_TRUE(weights.ok()) << weights.message();
  auto lane = Lane::Create(*device_, *host_, lane_thread_, "lane 0");
  ASSERT_TRUE(lane.ok()) << lane.message();
  auto plan = (*model)->Specialise(std::vector{tensor::Shape{4, 8}});
  ASSERT_TRUE(plan.ok()) << plan.message();
  std::promise<long> holders;  // NOLINT(google-runtime-int): as use_count counts
  RunRequest request;
  request.plan = *plan;
  request.weights = *weights;
  request.inputs = {{{Input(4).bytes}, {32}}};
  request.rows = 4;
  request.done = [&](const RunResult&) { holders.set_value(weights->use_count()); };
  ASSERT_TRUE((*lane)->Submit(request).ok());
  EXPECT_EQ(holders.get_future().get(), 3);  // this test, its request, the lane's bound plan
}

TEST_F(DevicePlan, FailsCleanlyWhenTheDeviceIsTooSmall) {
  auto small = device::MakeOpenClDevice(0, 1024);
  ASSERT_TRUE(small.ok()) << small.message();
  backend::KernelRegistry kernels;
  backend::RegisterNativeKernels(kernels);
  backend::RegisterOpenClKernels(kernels, **small, {});
  CompileOptions options;
  options.max_batch = 4;
  auto model = CompiledModel::Compile(MixedGraph(), options, kernels, **small, *host_);
  ASSERT_TRUE(model.ok()) << model.message();
  auto weights = WeightBinding::Create((*model)->weights(), **small, lane_thread_, "model");
  ASSERT_TRUE(weights.ok()) << weights.message();
  auto lane = Lane::Create(**small, *host_, lane_thread_, "lane 0");
  ASSERT_TRUE(lane.ok()) << lane.message();
  auto plan = (*model)->Specialise(std::vector{tensor::Shape{4, 8}});
  ASSERT_TRUE(plan.ok()) << plan.message();
  RunRequest request;
  request.plan = *plan;
  request.weights = *weights;
  request.inputs = {{{Input(4).bytes}, {32}}};
  request.rows = 4;
  const base::Status status = (*lane)->Submit(request);
  EXPECT_EQ(status.code(), base::StatusCode::kResourceExhausted) << status.message();
  EXPECT_EQ((*lane)->in_flight(), 0);
}

}  // namespace
}  // namespace hadron::plan
