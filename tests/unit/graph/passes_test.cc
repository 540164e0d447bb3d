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

const HostTensor kRows = Tensor({1, -2, 3, 0.5F, 5, 6, -7, 8}, {1, 2, 4});

ValueId Number(Graph& graph, float value) { return Floats(graph, "number", {value}, {}); }

/// What PyTorch writes for LayerNorm, with the mean taken over `axis`.
ValueId WrittenOutLayerNorm(Graph& graph, ValueId x, std::int64_t axis) {
  const ValueId axes = graph.AddConstant("axes", Constant::FromInts("axes", {&axis, 1}, {1}));
  const ValueId centred = AddNode(graph, "Sub", {x, AddNode(graph, "ReduceMean", {x, axes})});
  const ValueId square = AddNode(graph, "Pow", {centred, Number(graph, 2)});
  const ValueId variance = AddNode(graph, "ReduceMean", {square, axes});
  const ValueId shifted = AddNode(graph, "Add", {variance, Number(graph, 1e-3F)});
  const ValueId rows = AddNode(graph, "Div", {centred, AddNode(graph, "Sqrt", {shifted})});
  const ValueId scaled = AddNode(graph, "Mul", {rows, Floats(graph, "g", {1, 2, 3, 4}, {4})});
  return AddNode(graph, "Add", {scaled, Floats(graph, "b", {4, 3, 2, 1}, {4})});
}

TEST(RecoverPatterns, FindsLayerNormalization) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
  graph.AddOutput("y", WrittenOutLayerNorm(graph, x, -1));
  ExpectSameAfter(graph, RecoverPatterns, 1, kRows);
  EXPECT_EQ(graph.nodes()[0].op_type, "LayerNormalization");
  EXPECT_EQ(graph.nodes()[0].attributes.Float("epsilon", 0), 1e-3F);
}

TEST(RecoverPatterns, LeavesMeansOverOtherAxes) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
  graph.AddOutput("y", WrittenOutLayerNorm(graph, x, 1));
  ExpectSameAfter(graph, RecoverPatterns, 9, kRows);  // the square has become a product
}

TEST(RecoverPatterns, KeepsWhatOthersReadOfAChain) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
  graph.AddOutput("y", WrittenOutLayerNorm(graph, x, 2));
  graph.AddOutput("mean", graph.nodes()[0].outputs[0]);
  ExpectSameAfter(graph, RecoverPatterns, 2, kRows);
}

/// ReduceMean of an image over these axes, and a node that reads it.
Graph MeanOf(std::vector<std::int64_t> axes, bool keepdims) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 3, 2, 2});
  const auto count = static_cast<std::int64_t>(axes.size());
  const ValueId list = graph.AddConstant("axes", Constant::FromInts("axes", axes, {count}));
  const ValueId mean =
      AddNode(graph, "ReduceMean", {x, list}, {{"keepdims", std::int64_t{keepdims ? 1 : 0}}});
  graph.AddOutput("y", AddNode(graph, "Neg", {mean}));
  return graph;
}

TEST(RecoverPools, FindsTheMeanOfAllPixels) {
  Graph graph = MeanOf({2, 3}, true);
  ExpectSameAfter(graph, RecoverPools, 2, kImage);
  EXPECT_EQ(graph.nodes()[0].op_type, "GlobalAveragePool");
}

TEST(RecoverPools, FlattensWhereTheAxesGo) {
  Graph graph = MeanOf({-1, -2}, false);
  ExpectSameAfter(graph, RecoverPools, 3, kImage);
  EXPECT_EQ(graph.nodes()[0].op_type, "GlobalAveragePool");
  EXPECT_EQ(graph.nodes()[1].op_type, "Flatten");
}

TEST(RecoverPools, LeavesOtherMeans) {
  for (const std::vector<std::int64_t>& axes :
       std::vector<std::vector<std::int64_t>>{{3}, {1, 2, 3}, {1, 2}, {0, 2, 3}}) {
    Graph graph = MeanOf(axes, true);
    ExpectSameAfter(graph, RecoverPools, 2, kImage);
    EXPECT_EQ(graph.nodes()[0].op_type, "ReduceMean");
  }
}

/// 1 + erf(x / sqrt(2))
ValueId ErfTerm(Graph& graph, ValueId x, bool divide) {
  const ValueId inner = divide ? AddNode(graph, "Div", {x, Number(graph, 1.41421354F)})
                               : AddNode(graph, "Mul", {Number(graph, 0.707106769F), x});
  return AddNode(graph, "Add", {AddNode(graph, "Erf", {inner}), Number(graph, 1)});
}

TEST(RecoverActivations, FindsGeluHoweverItIsBracketed) {
  for (int form = 0; form < 3; ++form) {
    Graph graph;
    const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
    const ValueId term = ErfTerm(graph, x, form != 1);
    const ValueId half = Number(graph, 0.5F);
    const auto mul = [&graph](ValueId a, ValueId b) { return AddNode(graph, "Mul", {a, b}); };
    graph.AddOutput("y", form == 0   ? mul(mul(x, term), half)
                         : form == 1 ? mul(mul(x, half), term)
                                     : mul(x, mul(half, term)));
    ExpectSameAfter(graph, RecoverActivations, 1, kRows);
    EXPECT_EQ(graph.nodes()[0].op_type, "Gelu");
  }
}

/// A graph of x and what `write` makes of it.
template <typename Write>
Graph Written(const Write& write) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
  graph.AddOutput("y", write(graph, x));
  return graph;
}

void ExpectBecomes(Graph graph, const std::string& op_type) {
  ExpectSameAfter(graph, RecoverActivations, 1, kRows);
  EXPECT_EQ(graph.nodes()[0].op_type, op_type);
}

TEST(RecoverActivations, FindsSwish) {
  for (const bool gate_first : {true, false}) {
    ExpectBecomes(Written([&](Graph& g, ValueId x) {
                    const ValueId gate = AddNode(g, "Sigmoid", {x});
                    return gate_first ? AddNode(g, "Mul", {gate, x}) : AddNode(g, "Mul", {x, gate});
                  }),
                  "Swish");
  }
}

/// clip(x + 3, 0, 6)
ValueId ClippedTerm(Graph& g, ValueId x) {
  const ValueId sum = AddNode(g, "Add", {x, Number(g, 3)});
  return AddNode(g, "Clip", {sum, Number(g, 0), Number(g, 6)});
}

TEST(RecoverActivations, FindsHardSwishHoweverItIsWritten) {
  ExpectBecomes(
      Written([](Graph& g, ValueId x) {
        return AddNode(g, "Mul", {x, AddNode(g, "HardSigmoid", {x}, {{"alpha", 1.0F / 6}})});
      }),
      "HardSwish");
  ExpectBecomes(Written([](Graph& g, ValueId x) {
                  const ValueId product = AddNode(g, "Mul", {x, ClippedTerm(g, x)});
                  return AddNode(g, "Div", {product, Number(g, 6)});
                }),
                "HardSwish");
  ExpectBecomes(
      Written([](Graph& g, ValueId x) {
        const ValueId scaled = AddNode(g, "Mul", {ClippedTerm(g, x), Number(g, 1.0F / 6)});
        return AddNode(g, "Mul", {scaled, x});
      }),
      "HardSwish");
}

TEST(RecoverActivations, FindsGeluByTanh) {
  for (const bool power : {true, false}) {
    Graph graph = Written([&](Graph& g, ValueId x) {
      const ValueId cube = power ? AddNode(g, "Pow", {x, Number(g, 3)})
                                 : AddNode(g, "Mul", {AddNode(g, "Mul", {x, x}), x});
      const ValueId small = AddNode(g, "Mul", {Number(g, 0.044715F), cube});
      const ValueId inner =
          AddNode(g, "Mul", {AddNode(g, "Add", {x, small}), Number(g, 0.7978845608F)});
      const ValueId sum = AddNode(g, "Add", {AddNode(g, "Tanh", {inner}), Number(g, 1)});
      return AddNode(g, "Mul", {AddNode(g, "Mul", {x, Number(g, 0.5F)}), sum});
    });
    ExpectSameAfter(graph, RecoverActivations, 1, kRows);
    EXPECT_EQ(graph.nodes()[0].op_type, "Gelu");
    EXPECT_EQ(graph.nodes()[0].attributes.String("approximate", "none"), "tanh");
  }
}

TEST(RecoverActivations, LeavesWhatOnlyLooksAlike) {
  const auto leaves = [](Graph graph, std::size_t nodes) {
    ExpectSameAfter(graph, RecoverActivations, nodes, kRows);
  };
  leaves(Written([](Graph& g, ValueId x) {  // another operand
           return AddNode(g, "Mul", {AddNode(g, "Neg", {x}), AddNode(g, "Sigmoid", {x})});
         }),
         3);
  leaves(Written([](Graph& g, ValueId x) {  // another slope
           return AddNode(g, "Mul", {x, AddNode(g, "HardSigmoid", {x}, {{"alpha", 0.2F}})});
         }),
         2);
  leaves(Written([](Graph& g, ValueId x) {  // another divisor
           return AddNode(g, "Div", {AddNode(g, "Mul", {x, ClippedTerm(g, x)}), Number(g, 5)});
         }),
         4);
}

TEST(RecoverActivations, TakesNoOtherProductForGelu) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
  const ValueId term = ErfTerm(graph, x, true);
  const ValueId other = AddNode(graph, "Exp", {x});
  const ValueId product = AddNode(graph, "Mul", {other, term});
  graph.AddOutput("y", AddNode(graph, "Mul", {product, Number(graph, 0.5F)}));
  ExpectSameAfter(graph, RecoverActivations, 6, kRows);
}

TEST(FusePostOps, TakesTheRowBehindAProductAsItsBias) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
  const ValueId w = Floats(graph, "w", {1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4}, {4, 3});
  const ValueId product = AddNode(graph, "MatMul", {x, w});
  const ValueId sum = AddNode(graph, "Add", {Floats(graph, "b", {10, 20, 30}, {3}), product});
  graph.AddOutput("y", AddNode(graph, "Gelu", {sum}));
  ExpectSameAfter(graph, FusePostOps, 1, kRows);
  ASSERT_EQ(graph.nodes()[0].post_ops.size(), 2U);
  EXPECT_EQ(graph.nodes()[0].post_ops[0].kind, PostOp::Kind::kShift);
  EXPECT_EQ(graph.nodes()[0].post_ops[1].kind, PostOp::Kind::kGelu);
}

TEST(FusePostOps, LeavesConstantsThatAreNoRow) {
  Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 2, 4});
  const ValueId w = Floats(graph, "w", {1, 2, 3, 4, 5, 6, 7, 8}, {4, 2});
  const ValueId product = AddNode(graph, "MatMul", {x, w});
  graph.AddOutput("y", AddNode(graph, "Add", {product, Floats(graph, "b", {1, 2}, {2, 1})}));
  ExpectSameAfter(graph, FusePostOps, 2, kRows);
}

TEST(RunPasses, RefusesUnknownNames) {
  Graph graph;
  const std::vector<std::string> names = {"polish"};
  EXPECT_EQ(RunPasses(graph, {}, names).code(), base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hadron::graph
