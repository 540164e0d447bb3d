// What the passes and the planner make of well-known networks: how many kernels a run launches,
// that layouts change at the ends only, and that every pass can be left out without changing
// results.
#include <gtest/gtest.h>

#include <map>

#include "conformance/topology_files.h"
#include "graph/passes.h"
#include "support/plan_intervals.h"
#include "support/recorded_model.h"

namespace hadron::test {
namespace {

using plan::PlanStep;

constexpr double kArenaFactor = 1.15;

/// A plan in numbers.
struct Counts {
  std::map<std::string, int> kernels;  ///< nodes that steps compute, by operator
  int all = 0;                         ///< steps that compute nodes
  int body_reorders = 0;               ///< reorders between the first and the last of them
  int outer_reorders = 0;
};

Counts CountSteps(const plan::CompiledModel& model, const plan::ExecutionPlan& plan) {
  Counts counts;
  int since_node = 0;
  for (const PlanStep& step : plan.steps) {
    if (step.node >= 0) {
      const graph::Node& node = model.graph().nodes()[static_cast<std::size_t>(step.node)];
      counts.kernels[node.op_type] += step.nodes;
      (counts.all++ == 0 ? counts.outer_reorders : counts.body_reorders) += since_node;
      since_node = 0;
    } else if (step.kind == PlanStep::Kind::kKernel) {
      ++since_node;
    }
  }
  counts.outer_reorders += since_node;
  return counts;
}

/// A network compiled for the device.
std::unique_ptr<PlanRunner> Compiled(const RecordedModel& model) {
  auto graph = model.Load();
  HADRON_CHECK(graph.ok());
  auto runner = PlanRunner::Create(std::move(graph).value(), {.device = TopologyDevice()});
  EXPECT_TRUE(runner.ok()) << runner.message();
  HADRON_CHECK(runner.ok());
  return std::move(runner).value();
}

std::shared_ptr<const plan::ExecutionPlan> PlanFor(const RecordedModel& model,
                                                   const plan::CompiledModel& compiled,
                                                   std::int64_t rows) {
  std::vector<tensor::Shape> shapes;
  for (const auto& input : model.Inputs(compiled.graph(), 0, rows)) {
    shapes.push_back(input.desc.shape);
  }
  const auto plan = compiled.Specialise(shapes);
  HADRON_CHECK(plan.ok());
  return *plan;
}

/// The counts of a network's plan for one row.
Counts CountsOf(const std::string& name) {
  const RecordedModel model = TopologyModel(name);
  const auto runner = Compiled(model);
  return CountSteps(runner->model(), *PlanFor(model, runner->model(), 1));
}

TEST(GoldenPlan, ResNet50IsItsConvolutionsAndThreeMore) {
  const std::string name = FindTopology("resnet50");
  ASSERT_FALSE(name.empty()) << "no resnet50 among the networks";
  const Counts counts = CountsOf(name);
  const std::map<std::string, int> expected = {
      {"Conv", 53}, {"Gemm", 1}, {"GlobalAveragePool", 1}, {"MaxPool", 1}};
  EXPECT_EQ(counts.kernels, expected);
  EXPECT_EQ(counts.all, 56);
  EXPECT_EQ(counts.body_reorders, 0);
  EXPECT_LE(counts.outer_reorders, 1) << "the input's";
}

TEST(GoldenPlan, MobileNetV2IsItsConvolutionsAndTwoMore) {
  const std::string name = FindTopology("mobilenet_v2");
  ASSERT_FALSE(name.empty()) << "no mobilenet_v2 among the networks";
  Counts counts = CountsOf(name);
  EXPECT_EQ(counts.kernels["Conv"], 52);
  EXPECT_EQ(counts.kernels["Gemm"], 1);
  EXPECT_EQ(counts.kernels["Clip"], 0) << "every ReLU6 is part of a convolution";
  EXPECT_EQ(counts.kernels["Add"], 0) << "every residual is part of a convolution";
  EXPECT_EQ(counts.all, 54);
  EXPECT_EQ(counts.kernels["GlobalAveragePool"], 1) << "written as a mean over the pixels";
  EXPECT_EQ(counts.body_reorders, 0);
  EXPECT_LE(counts.outer_reorders, 1) << "the input's";
}

/// Upper bounds of what plans launch now: lower them when a pass learns more. Seven a layer of a
/// transformer are possible, with attention as one kernel.
TEST(GoldenPlan, TransformersLaunchNoMoreThanToday) {
  struct Bound {
    const char* stem;
    int kernels;
    int layers;
  };
  int found = 0;
  for (const Bound& bound :
       {Bound{"bert_layer", 14, 1}, Bound{"encoder_post", 60, 4}, Bound{"encoder_pre", 61, 4}}) {
    const std::string name = FindTopology(bound.stem);
    if (name.empty()) continue;
    ++found;
    const Counts counts = CountsOf(name);
    // Query, key and value of small networks begin where kernels cannot read: a copy a layer.
    const int copies = name == bound.stem ? 0 : bound.layers;
    EXPECT_LE(counts.all, bound.kernels + copies) << name;
    EXPECT_EQ(counts.body_reorders, 0) << name;
  }
  EXPECT_EQ(found, 3) << "transformers among the networks";
}

class Arena : public ::testing::TestWithParam<std::string> {};

TEST_P(Arena, IsNearThePeakOfLiveBytes) {
  const RecordedModel model = TopologyModel(GetParam());
  const auto runner = Compiled(model);
  for (const std::int64_t rows : {1, 8}) {
    const auto plan = PlanFor(model, runner->model(), rows);
    ExpectSoundArena(*plan, plan::Space::kHostArena, kArenaFactor);
    ExpectSoundArena(*plan, plan::Space::kDeviceArena, kArenaFactor);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Arena, ::testing::ValuesIn(Topologies()),
                         [](const auto& name) { return name.param; });

class SwitchedPass : public ::testing::TestWithParam<std::string> {};

TEST_P(SwitchedPass, CanBeLeftOutAlone) {
  int found = 0;
  for (const char* stem : {"resnet50", "mobilenet_v2", "unet", "gan_conv3d", "gan_convtranspose",
                           "bert_layer", "encoder_post", "encoder_pre", "mlp"}) {
    const std::string name = FindTopology(stem);
    if (name.empty()) continue;
    ++found;
    SCOPED_TRACE(name);
    const RecordedModel model = TopologyModel(name);
    auto graph = model.Load();
    ASSERT_TRUE(graph.ok()) << graph.message();
    auto runner = PlanRunner::Create(std::move(graph).value(),
                                     {.device = TopologyDevice(), .disabled_passes = {GetParam()}});
    ASSERT_TRUE(runner.ok()) << runner.message();
    const graph::Graph& made = (*runner)->model().graph();
    auto outputs = (*runner)->Run(model.Inputs(made, 0, 2));
    ASSERT_TRUE(outputs.ok()) << outputs.message();
    ExpectAsRecorded(model, made, *outputs, 2);
  }
  EXPECT_GT(found, 0);
}

INSTANTIATE_TEST_SUITE_P(Passes, SwitchedPass, ::testing::ValuesIn(AllPassNames()),
                         [](const auto& name) { return name.param; });

int CountOps(const graph::Graph& graph, const std::string& op) {
  int count = 0;
  for (const graph::Node& node : graph.nodes()) count += node.op_type == op ? 1 : 0;
  return count;
}

TEST(Passes, LeaveTheirNodesWhenSwitchedOff) {
  const std::string name = FindTopology("resnet50");
  ASSERT_FALSE(name.empty()) << "no resnet50 among the networks";
  // Without folding a normalisation is fused, as a scale and a shift.
  using Names = std::vector<std::string>;
  for (const auto& [disabled, norms, relus] :
       {std::tuple(Names{"fold_batch_norm"}, 0, 0), std::tuple(Names{"fuse_post_ops"}, 0, 49),
        std::tuple(Names{"fold_batch_norm", "fuse_post_ops"}, 53, 49)}) {
    auto graph = TopologyModel(name).Load();
    ASSERT_TRUE(graph.ok()) << graph.message();
    const auto runner = PlanRunner::Create(std::move(graph).value(), {.disabled_passes = disabled});
    ASSERT_TRUE(runner.ok()) << runner.message();
    EXPECT_EQ(CountOps((*runner)->model().graph(), "BatchNormalization"), norms);
    EXPECT_EQ(CountOps((*runner)->model().graph(), "Relu"), relus);
  }
}

TEST(Passes, RefuseAnUnknownNameByName) {
  graph::Graph graph;
  const std::vector<std::string> disabled = {"fuse_post_ops", "fuse_everything"};
  const base::Status status = graph::RunPasses(graph, {}, disabled);
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("'fuse_everything'"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace hadron::test
