// Graph in, graph out: each pass alone, on the smallest graph that shows it, with the reference
// executor as witness that the results stay.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/reference_executor.h"
#include "base/bytes.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

using tensor::DataType;
using tensor::HostTensor;

ValueId AddNode(Graph& graph, const std::string& op, std::vector<ValueId> inputs,
                std::vector<std::pair<std::string, AttributeValue>> attributes = {}) {
  Node node;
  node.name = op + "_" + std::to_string(graph.nodes().size());
  node.op_type = op;
  node.schema = OpRegistry::Get().Find("", op);
  node.since_version = node.schema->versions.back();
  for (auto& [name, value] : attributes) node.attributes.Set(name, value);
  node.inputs = std::move(inputs);
  node.outputs = {graph.AddValue(node.name + ":0")};
  graph.nodes().push_back(std::move(node));
  return graph.nodes().back().outputs[0];
}

ValueId Floats(Graph& graph, const std::string& name, std::vector<float> values,
               tensor::Shape shape) {
  return graph.AddConstant(name, Constant::FromFloats(name, values, std::move(shape)));
}

HostTensor Tensor(std::vector<float> values, tensor::Shape shape) {
  return {{"x", DataType::kFp32, std::move(shape)},
          base::IoBuf::Copy(std::as_bytes(std::span(values)))};
}

PassContext Context() {
  PassContext context;
  context.evaluate = backend::RunReference;
  context.can_fuse = [](const Node&, const PostOp&) { return true; };
  return context;
}

std::vector<float> Run(const Graph& graph, const HostTensor& input) {
  auto outputs = backend::ExecuteReference(graph, std::vector{input});
  EXPECT_TRUE(outputs.ok()) << outputs.message();
  const auto values = base::AsArray<float>((*outputs)[0].bytes.bytes());
  return {values.begin(), values.end()};
}

/// Runs the pass and expects `nodes` operators and the same results.
void ExpectSameAfter(Graph& graph, base::Status (*pass)(Graph&, const PassContext&),
                     std::size_t nodes, const HostTensor& input) {
  ASSERT_TRUE(InferShapes(graph).ok());
  const std::vector<float> before = Run(graph, input);
  const base::Status status = pass(graph, Context());
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(InferShapes(graph).ok());
  EXPECT_EQ(graph.nodes().size(), nodes);
  const std::vector<float> after = Run(graph, input);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(before[i], after[i], 1e-5F * (1 + std::abs(before[i]))) << i;
  }
}

const HostTensor kImage = Tensor({1, -2, 3, -4, 5, 6, -7, 8, 0.5F, 2, -1, 4}, {1, 3, 2, 2});

/// 1x1 convolution from 3 to 2 channels, then BatchNormalization.
Graph ConvNorm(bool activation_between) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 3, 2, 2});
  const ValueId w = Floats(graph, "w", {1, 2, 3, -1, 0.5F, 0.25F}, {2, 3, 1, 1});
  ValueId y = AddNode(graph, "Conv", {x, w});
  if (activation_between) y = AddNode(graph, "LeakyRelu", {y}, {{"alpha", 0.2F}});
  y = AddNode(graph, "BatchNormalization",
              {y, Floats(graph, "scale", {2, 3}, {2}), Floats(graph, "shift", {0.5F, -1}, {2}),
               Floats(graph, "mean", {0.1F, 0.2F}, {2}), Floats(graph, "var", {1, 4}, {2})});
  graph.AddOutput("y", y);
  return graph;
}

TEST(FoldBatchNorm, GoesIntoTheWeights) {
  Graph graph = ConvNorm(false);
  ExpectSameAfter(graph, FoldBatchNorm, 1, kImage);
  EXPECT_TRUE(graph.value(graph.nodes()[0].inputs[1]).constant->deferred());
}

TEST(FoldBatchNorm, DoesNotReachOverAnActivation) {
  Graph graph = ConvNorm(true);
  ExpectSameAfter(graph, FoldBatchNorm, 3, kImage);
}

TEST(FusePostOps, TakesActivationAndNormalisation) {
  Graph graph = ConvNorm(true);
  ExpectSameAfter(graph, FusePostOps, 1, kImage);
  ASSERT_EQ(graph.nodes()[0].post_ops.size(), 3U);
  EXPECT_EQ(graph.nodes()[0].post_ops[0].kind, PostOp::Kind::kLeakyRelu);
}

TEST(FusePostOps, AddsTheResidualToTheLaterProducer) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 3, 2, 2});
  const ValueId w = Floats(graph, "w", {1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3, 1, 1});
  const ValueId a = AddNode(graph, "Conv", {x, w});
  const ValueId b = AddNode(graph, "Conv", {a, w});
  graph.AddOutput("y", AddNode(graph, "Relu", {AddNode(graph, "Add", {a, b})}));
  ExpectSameAfter(graph, FusePostOps, 2, kImage);
  EXPECT_TRUE(graph.nodes()[0].post_ops.empty());
  ASSERT_EQ(graph.nodes()[1].post_ops.size(), 2U);
  EXPECT_EQ(graph.nodes()[1].post_ops[0].kind, PostOp::Kind::kAdd);
}

TEST(FusePostOps, LeavesWhatOthersRead) {
  Graph graph = ConvNorm(true);
  graph.AddOutput("raw", graph.nodes()[0].outputs[0]);
  ExpectSameAfter(graph, FusePostOps, 3, kImage);
}

TEST(FoldConstants, ComputesWhatDoesNotDependOnInputs) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {2});
  const ValueId two =
      AddNode(graph, "Add", {Floats(graph, "a", {1}, {1}), Floats(graph, "b", {1}, {1})});
  graph.AddOutput("y", AddNode(graph, "Mul", {x, two}));
  ExpectSameAfter(graph, FoldConstants, 1, Tensor({3, 4}, {2}));
}

TEST(FoldConstants, DefersLargeTensors) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {1});
  const std::vector<float> many(40000, 0.5F);
  const ValueId sum = AddNode(graph, "Exp", {Floats(graph, "a", many, {40000})});
  graph.AddOutput("y", AddNode(graph, "Add", {x, sum}));
  ExpectSameAfter(graph, FoldConstants, 1, Tensor({1}, {1}));
  EXPECT_TRUE(graph.value(sum).constant->deferred());
}

TEST(MergeDuplicates, RunsTheSameThingOnce) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {2});
  const ValueId a = AddNode(graph, "Exp", {x});
  const ValueId b = AddNode(graph, "Exp", {x});
  const ValueId c = AddNode(graph, "LeakyRelu", {x}, {{"alpha", 0.5F}});
  const ValueId d = AddNode(graph, "LeakyRelu", {x}, {{"alpha", 0.25F}});
  graph.AddOutput(
      "y", AddNode(graph, "Add", {AddNode(graph, "Add", {a, b}), AddNode(graph, "Add", {c, d})}));
  ExpectSameAfter(graph, MergeDuplicates, 6, Tensor({-1, 2}, {2}));
}

TEST(ComposeTransposes, CancelsPairs) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {2, 3});
  const std::vector<std::int64_t> swap = {1, 0};
  const ValueId t = AddNode(graph, "Transpose", {x}, {{"perm", swap}});
  const ValueId back = AddNode(graph, "Transpose", {t}, {{"perm", swap}});
  graph.AddOutput("y", AddNode(graph, "Relu", {back}));
  ExpectSameAfter(graph, ComposeTransposes, 1, Tensor({1, 2, 3, 4, 5, 6}, {2, 3}));
}

TEST(RemoveIdentities, KeepsTheOneThatWritesAnOutput) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {2});
  const ValueId i = AddNode(graph, "Identity", {x});
  graph.AddOutput("y", AddNode(graph, "Relu", {AddNode(graph, "Identity", {i})}));
  graph.AddOutput("z", i);
  ExpectSameAfter(graph, RemoveIdentities, 2, Tensor({-1, 2}, {2}));
}

TEST(RunPasses, RefusesUnknownNames) {
  Graph graph;
  const std::vector<std::string> names = {"polish"};
  EXPECT_EQ(RunPasses(graph, {}, names).code(), base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hadron::graph
