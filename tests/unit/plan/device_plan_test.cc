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

/// y = Exp(CumSum(x)): the host reads the input.
graph::Graph HostFirstGraph() {
  graph::Graph graph;
  const auto x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 8});
  const std::int64_t last = 1;
  const auto axis = graph.AddConstant(
      "axis", graph::Constant::FromTensor({{"axis", DataType::kInt64, tensor::Shape{}},
                                           base::IoBuf::Copy(std::as_bytes(std::span(&last, 1)))}));
  graph.AddOutput("y", AddNode(graph, "Exp", {AddNode(graph, "CumSum", {x, axis})}));
  EXPECT_TRUE(graph::InferShapes(graph).ok());
  return graph;
}

/// A model on a lane, and a place on its device beside them.
class DeviceInputs : public DevicePlan {
 protected:
  void Load(graph::Graph graph) {
    CompileOptions options;
    options.max_batch = 4;
    auto model = CompiledModel::Compile(std::move(graph), options, kernels_, *device_, *host_);
    ASSERT_TRUE(model.ok()) << model.message();
    model_ = *model;
    auto weights = WeightBinding::Create(model_->weights(), *device_, lane_thread_, "model");
    ASSERT_TRUE(weights.ok()) << weights.message();
    weights_ = *weights;
    auto plan = model_->Specialise(std::vector{tensor::Shape{4, 8}});
    ASSERT_TRUE(plan.ok()) << plan.message();
    plan_ = *plan;
    auto lane = Lane::Create(*device_, *host_, lane_thread_, "lane 0");
    ASSERT_TRUE(lane.ok()) << lane.message();
    lane_ = std::move(lane).value();
    auto reservation = device_->memory().Reserve("test", kRoom);
    auto room = device_->Allocate(std::move(reservation).value(), kRoom);
    ASSERT_TRUE(room.ok()) << room.message();
    room_ = std::move(room).value();
  }
  void TearDown() override {
    lane_.reset();
    room_.reset();
    weights_.reset();
    DevicePlan::TearDown();
  }
  DeviceSpan Place(std::uint64_t rows) { return {room_.get(), kAt, rows * kRow, room_}; }

  /// In parts of one step, if asked to.
  RunResult Run(std::vector<RunInput> inputs, std::vector<KeptPart> kept, bool unread, bool parts) {
    std::promise<RunResult> promise;
    base::TaskQueue paused;  // Continue is this thread's to call
    RunRequest request;
    request.plan = plan_;
    request.weights = weights_;
    request.inputs = std::move(inputs);
    request.rows = kRows;
    request.kept = std::move(kept);
    request.unread = {unread};
    request.part = base::Duration(parts ? 1 : 0);
    request.paused = [&] { paused.Post([&] { lane_->Continue(); }); };
    request.done = [&](RunResult result) {
      promise.set_value(std::move(result));
      paused.Stop();
    };
    EXPECT_TRUE(lane_->Submit(request).ok());
    paused.Run();
    return promise.get_future().get();
  }
  base::IoBuf Fetched(DeviceSpan span) {
    std::promise<base::IoBuf> promise;
    lane_->Fetch({std::move(span)}, [&promise](base::StatusOr<std::vector<base::IoBuf>> fetched) {
      promise.set_value(fetched.ok() ? fetched->front() : base::IoBuf());
    });
    return promise.get_future().get();
  }

  /// Rows 1 and 2 of three leave the device by the one run, and come back into the next one, before
  /// or behind a row from the host.
  void ExpectTheSameBytesAsThroughTheHost(bool parts) {
    const HostTensor x = Input(kRows);
    const RunInput all{{x.bytes}, {kRows * 8}};
    const std::string first = Run({all}, {}, false, parts).outputs[0].bytes.ToString();
    ASSERT_EQ(first.size(), kRows * kRow);
    const auto left = Run({all}, {{0, kRow, Place(2)}}, true, parts);
    ASSERT_TRUE(left.status.ok()) << left.status.message();
    EXPECT_TRUE(left.outputs[0].bytes.empty());
    EXPECT_EQ(left.outputs[0].desc.shape, (tensor::Shape{kRows, 8}));
    EXPECT_EQ(Fetched(Place(2)).ToString(), first.substr(kRow));
    // A part that somebody wants on the host as well.
    const auto both = Run({all}, {{0, kRow, Place(2)}}, false, parts);
    EXPECT_EQ(both.outputs[0].bytes.ToString(), first);

    const base::IoBuf row = x.bytes.Sub(0, kRow);
    const base::IoBuf rest = base::IoBuf::FromString(first.substr(kRow));
    const RunInput host_first{{row, rest}, {8, 16}};
    const RunInput host_last{{rest, row}, {16, 8}};
    const RunInput device_last{{row, {}}, {8, 16}, {DeviceSpan(), Place(2)}};
    const RunInput device_first{{{}, row}, {16, 8}, {Place(2)}};
    const std::string wanted = Run({host_first}, {}, false, parts).outputs[0].bytes.ToString();
    EXPECT_EQ(Run({device_last}, {}, false, parts).outputs[0].bytes.ToString(), wanted);
    const std::string other = Run({host_last}, {}, false, parts).outputs[0].bytes.ToString();
    EXPECT_EQ(Run({device_first}, {}, false, parts).outputs[0].bytes.ToString(), other);
  }

  static constexpr std::int64_t kRows = 3;  // of a plan for four
  static constexpr std::uint64_t kRow = 8 * sizeof(float);
  static constexpr std::uint64_t kRoom = 4096;
  static constexpr std::uint64_t kAt = 256;
  std::shared_ptr<const CompiledModel> model_;
  std::shared_ptr<const WeightBinding> weights_;
  std::shared_ptr<const ExecutionPlan> plan_;
  std::unique_ptr<Lane> lane_;
  std::shared_ptr<device::DeviceBuffer> room_;
};

TEST_F(DeviceInputs, GoStraightToTheKernelsThatReadThem) {
  Load(MixedGraph());
  EXPECT_EQ(plan_->ends.inputs, std::vector{true});
  EXPECT_EQ(plan_->ends.outputs, std::vector{true});
  ExpectTheSameBytesAsThroughTheHost(false);
}

TEST_F(DeviceInputs, AreTakenByRunsThatMakeWay) {
  Load(MixedGraph());
  ExpectTheSameBytesAsThroughTheHost(true);
}

TEST_F(DeviceInputs, ComeToTheHostWhereItReadsThem) {
  Load(HostFirstGraph());
  EXPECT_EQ(plan_->ends.inputs, std::vector{false});
  EXPECT_EQ(plan_->ends.outputs, std::vector{true});
  ExpectTheSameBytesAsThroughTheHost(false);
}

TEST_F(DeviceInputs, AreRepeatedForRowsThatNobodySent) {
  Load(MixedGraph());
  const HostTensor x = Input(4);
  const RunInput all{{x.bytes}, {4 * 8}};
  (void)Run({all}, {}, false, false);  // other rows lie where the fourth one would be
  (void)Run({all}, {{0, 0, Place(2)}}, true, false);
  // All four rows of what the plan computes, as if they had been asked for.
  const RunInput two{{{}}, {16}, {Place(2)}};
  const DeviceSpan whole{room_.get(), 2 * kAt, 4 * kRow, room_};
  const auto run = Run({two}, {{0, 0, whole}}, true, false);
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  const std::string rows = Fetched(whole).ToString();
  for (std::size_t row = 2; row < 4; ++row) {
    EXPECT_EQ(rows.substr(row * kRow, kRow), rows.substr(kRow, kRow)) << row;
  }
}

TEST(DeviceEnds, OfABatchInPiecesAreFetchedForAllOfThem) {
  const auto host = device::MakeHostDevice(kBudget);
  constexpr std::uint64_t kRow = 8 * sizeof(float);
  auto reservation = host->memory().Reserve("test", 4 * kRow);
  const std::shared_ptr<device::DeviceBuffer> room =
      host->Allocate(std::move(reservation).value(), 4 * kRow).value();
  ExecutionPlan plan;  // of four rows, two at a time
  PlanTensor x;
  x.space = Space::kIo;
  x.spec.type = DataType::kFp32;
  x.spec.shape = {2, 8};
  plan.tensors = {x};
  plan.inputs = {0};
  plan.rows = 4;
  plan.pieces = 2;
  plan.ends = FindDeviceEnds(plan);
  const RunInput three{{{}}, {3 * 8}, {{room.get(), 0, 3 * kRow, room}}};
  EXPECT_FALSE(IoTraffic(plan, std::vector{three}, {}, {}).empty());
}

TEST(DeviceEnds, AreNoneOfPlansOnTheHost) {
  const auto host = device::MakeHostDevice(kBudget);
  backend::KernelRegistry kernels;
  backend::RegisterNativeKernels(kernels);
  CompileOptions options;
  options.max_batch = 4;
  auto model = CompiledModel::Compile(MixedGraph(), options, kernels, *host, *host);
  ASSERT_TRUE(model.ok()) << model.message();
  auto plan = (*model)->Specialise(std::vector{tensor::Shape{4, 8}});
  ASSERT_TRUE(plan.ok()) << plan.message();
  EXPECT_EQ((*plan)->ends.inputs, std::vector{false});
  EXPECT_EQ((*plan)->ends.outputs, std::vector{false});
}

}  // namespace
}  // namespace hadron::plan
