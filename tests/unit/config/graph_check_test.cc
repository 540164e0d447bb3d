#include <gtest/gtest.h>

#include "config/complete.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "unit/config/test_config.h"

namespace hadron::config {
namespace {

using test::IdentityGraph;
using test::Load;

/// The failure of comparing a configuration with a graph, "" when they agree.
std::string CheckError(std::string_view text, const graph::Graph& graph) {
  auto config = Load(text, &graph);
  if (!config.ok()) return "load: " + config.message();
  return CheckAgainstGraph(**config, graph).message();
}

std::string Io(const std::string& input_dims, const std::string& output_dims,
               const std::string& extra = "") {
  return "input { name: 'x' data_type: TYPE_FP32 dims: [ " + input_dims +
         " ] } output { name: 'y' data_type: TYPE_FP32 dims: [ " + output_dims + " ] } " + extra;
}

TEST(CheckAgainstGraph, AcceptsWhatFits) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "3", "w"}}});
  EXPECT_EQ(CheckError(Io("3, -1", "3, -1", "max_batch_size: 8"), graph), "");
  EXPECT_EQ(CheckError(Io("3, 7", "-1, 7", "max_batch_size: 8"), graph), "");
  EXPECT_EQ(CheckError(Io("-1, 3, -1", "5, 3, -1"), graph), "");
}

TEST(CheckAgainstGraph, TakesOneElementForAScalar) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {}}});
  EXPECT_EQ(CheckError(Io("1", "1"), graph), "");
  EXPECT_NE(CheckError(Io("2", "1"), graph), "");
  EXPECT_NE(CheckError(Io("1", "1", "max_batch_size: 2"), graph), "");
}

TEST(CheckAgainstGraph, AppliesReshape) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch"}}});
  const std::string text =
      "max_batch_size: 2 input { name: 'x' data_type: TYPE_FP32 dims: 1 reshape { } } "
      "output { name: 'y' data_type: TYPE_FP32 dims: [ 1, 1 ] reshape { shape: [ ] } }";
  EXPECT_EQ(CheckError(text, graph), "");
  EXPECT_NE(CheckError(Io("1", "1", "max_batch_size: 2"), graph).find("contradicts"),
            std::string::npos);
}

TEST(CheckAgainstGraph, NamesTensorAndBothShapes) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "3"}}});
  const std::string rank = CheckError(Io("3, 1", "3", "max_batch_size: 8"), graph);
  EXPECT_NE(rank.find("model 'm', tensor 'x'"), std::string::npos) << rank;
  EXPECT_NE(rank.find("[-1,3] (2 dimensions)"), std::string::npos) << rank;
  EXPECT_NE(rank.find("[-1,3,1] (3 dimensions"), std::string::npos) << rank;
  EXPECT_NE(CheckError(Io("4", "3", "max_batch_size: 8"), graph).find("'x'"), std::string::npos);
  EXPECT_NE(CheckError(Io("-1", "3", "max_batch_size: 8"), graph).find("'x'"), std::string::npos);
  EXPECT_NE(CheckError(Io("3", "4", "max_batch_size: 8"), graph).find("'y'"), std::string::npos);
}

TEST(CheckAgainstGraph, ComparesTypes) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"4"}, tensor::DataType::kString}});
  EXPECT_NE(CheckError(Io("4", "4"), graph).find("data_type is FP32 but the model's is BYTES"),
            std::string::npos);
}

TEST(CheckAgainstGraph, ComparesNames) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"4"}}, {"u", "v", {"4"}}});
  const std::string more = " input { name: 'u' data_type: TYPE_FP32 dims: 4 }";
  EXPECT_EQ(CheckError(Io("4", "4", more), graph), "");  // not every output must be listed
  EXPECT_NE(CheckError(Io("4", "4"), graph).find("not input 'u' of the model"), std::string::npos);
  EXPECT_NE(CheckError(Io("4", "4", "input { name: 'q' data_type: TYPE_FP32 dims: 4 }"), graph)
                .find("unexpected inference input 'q', allowed inputs are: x, u"),
            std::string::npos);
  EXPECT_NE(
      CheckError(Io("4", "4", more + "output { name: 'q' data_type: TYPE_FP32 dims: 4 }"), graph)
          .find("unexpected inference output 'q', allowed outputs are: y, v"),
      std::string::npos);
}

TEST(CheckAgainstGraph, NeedsAVariableFirstDimensionForBatches) {
  const graph::Graph graph = IdentityGraph({{"x", "y", {"8", "3"}}});
  EXPECT_NE(CheckError(Io("3", "3", "max_batch_size: 8"), graph)
                .find("for the model to support batching the shape should have at least 1 "
                      "dimension and the first dimension must be -1"),
            std::string::npos);
}

TEST(WhyNotBatchable, TakesUnnamedFirstDimensionsAsOne) {
  EXPECT_EQ(*WhyNotBatchable(IdentityGraph({{"x", "y", {"?", "3"}}, {"u", "v", {"?"}}})), "");
  EXPECT_EQ(*WhyNotBatchable(IdentityGraph({{"x", "y", {"?", "3"}}, {"u", "v", {"batch"}}})), "");
}

TEST(WhyNotBatchable, RefusesFirstDimensionsOfTwoNames) {
  EXPECT_EQ(*WhyNotBatchable(IdentityGraph({{"x", "y", {"batch"}}, {"u", "v", {"n"}}})),
            "the inputs' first dimensions have different names, 'batch' and 'n'");
}

TEST(WhyNotBatchable, RefusesFixedFirstDimensionsAndScalars) {
  EXPECT_EQ(*WhyNotBatchable(IdentityGraph({{"x", "y", {"batch"}}, {"u", "v", {"2"}}})),
            "the first dimension of input 'u' of shape [2] is fixed");
  EXPECT_EQ(*WhyNotBatchable(IdentityGraph({{"x", "y", {}}})),
            "the first dimension of input 'x' of shape [] is fixed");
  EXPECT_EQ(*WhyNotBatchable(graph::Graph()), "it has no inputs");
}

base::Status InferTransposed(graph::InferContext& context) {
  const graph::SymbolicShape& shape = context.shape(0);
  context.SetOutput(0, context.type(0), {shape[1], shape[0]});
  return {};
}

/// x [batch, n] -> y [batch, n], t [n, batch].
graph::Graph TransposingGraph() {
  static const graph::OpSchema kSchema{.name = "Turn", .versions = {1}, .infer = InferTransposed};
  graph::Graph graph = IdentityGraph({{"x", "y", {"batch", "n"}}});
  const graph::ValueId turned =
      graph.AddValue("t", tensor::DataType::kFp32, {graph.Symbol("n"), graph.Symbol("batch")});
  graph::Node node;
  node.name = "turn";
  node.op_type = "Turn";
  node.schema = &kSchema;
  node.since_version = 1;
  node.inputs = {graph.inputs()[0]};
  node.outputs = {turned};
  graph.nodes().push_back(std::move(node));
  graph.AddOutput("t", turned);
  return graph;
}

TEST(WhyNotBatchable, RefusesOutputsWhoseFirstDimensionIsAnother) {
  EXPECT_EQ(*WhyNotBatchable(TransposingGraph()),
            "the first dimension of output 't' of shape [-1,-1] is not the batch dimension of the "
            "inputs");
}

TEST(WhyNotBatchable, LooksAtTheNamedOutputsOnly) {
  const std::vector<std::string> outputs = {"y"};
  EXPECT_EQ(*WhyNotBatchable(TransposingGraph(), outputs), "");
}

TEST(CheckAgainstGraph, RefusesBatchesThatCannotBeSplit) {
  const graph::Graph graph = TransposingGraph();
  const std::string both =
      Io("-1", "-1", "output { name: 't' data_type: TYPE_FP32 dims: -1 } max_batch_size: 4");
  EXPECT_NE(CheckError(both, graph)
                .find("max_batch_size is 4, but the model cannot be batched: "
                      "the first dimension of output 't'"),
            std::string::npos);
  EXPECT_EQ(CheckError(Io("-1", "-1", "max_batch_size: 4"), graph), "");
  EXPECT_EQ(CheckError(Io("-1, -1", "-1, -1",
                          "output { name: 't' data_type: TYPE_FP32 "
                          "dims: [ -1, -1 ] }"),
                       graph),
            "");
}

}  // namespace
}  // namespace hadron::config
