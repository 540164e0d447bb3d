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

TEST(CheckAgainstGraph, TakesRaggedInputsFlat) {
  const std::string x =
      "max_batch_size: 4 input { name: 'x' data_type: TYPE_FP32 dims: [ -1, 3 ] "
      "allow_ragged_batch: true } ";
  const std::string rows = "output { name: 'y' data_type: TYPE_FP32 dims: 1 reshape { } } ";
  const graph::Graph flat = IdentityGraph({{"x", "y", {"n"}}});
  EXPECT_EQ(CheckError(x + rows, flat), "");
  // What is scattered may have any shape in the model.
  EXPECT_EQ(CheckError(x + "output { name: 'y' data_type: TYPE_FP32 dims: [ -1, -1 ] } "
                           "batch_output { target_name: 'y' source_input: 'x' }",
                       flat),
            "");
  for (const auto& dims : std::vector<std::vector<std::string>>{{"batch", "n"}, {"4"}, {}}) {
    const graph::Graph graph = IdentityGraph({{"x", "y", dims}});
    EXPECT_NE(CheckError(x + rows, graph).find("allow_ragged_batch needs an input of shape [-1]"),
              std::string::npos);
  }
}

TEST(CheckAgainstGraph, ComparesBatchInputs) {
  const std::string io = Io("-1, -1", "-1, -1", "max_batch_size: 4 ");
  const auto made = [&](const std::string& kind) {
    return io +
           "batch_input { target_name: 'u' data_type: TYPE_INT32 source_input: 'x' kind: " + kind +
           " }";
  };
  struct Row {
    std::string kind;
    std::vector<std::string> dims;
    std::string error;
  };
  const std::vector<Row> table = {
      {"BATCH_ELEMENT_COUNT", {"n"}, ""},
      {"BATCH_ACCUMULATED_ELEMENT_COUNT", {"?"}, ""},
      {"BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO", {"m"}, ""},
      {"BATCH_MAX_ELEMENT_COUNT_AS_SHAPE", {"m"}, ""},
      {"BATCH_ITEM_SHAPE_FLATTEN", {"m"}, ""},
      {"BATCH_ITEM_SHAPE", {"m", "2"}, ""},
      {"BATCH_ITEM_SHAPE", {"m", "k"}, ""},
      {"BATCH_ITEM_SHAPE", {"m", "3"}, "gets a tensor of shape [-1,2], but the model's shape is"},
      {"BATCH_ITEM_SHAPE", {"m"}, "gets a tensor of shape [-1,2]"},
      {"BATCH_ELEMENT_COUNT", {"4"}, "gets a tensor of shape [-1], but the model's shape is [4]"},
      {"BATCH_ELEMENT_COUNT", {"n", "1"}, "gets a tensor of shape [-1]"},
      {"BATCH_ELEMENT_COUNT", {}, "gets a tensor of shape [-1]"},
  };
  for (const Row& row : table) {
    const graph::Graph graph = IdentityGraph(
        {{"x", "y", {"b", "h", "w"}}, {"u", "v", row.dims, tensor::DataType::kInt32}});
    const std::string error = CheckError(made(row.kind), graph);
    EXPECT_EQ(error.empty(), row.error.empty()) << error;
    EXPECT_NE(error.find(row.error), std::string::npos) << error;
  }
  const graph::Graph real = IdentityGraph({{"x", "y", {"b", "h", "w"}}, {"u", "v", {"n"}}});
  EXPECT_NE(CheckError(made("0"), real).find("data_type is INT32 but the model's is FP32"),
            std::string::npos);
  const graph::Graph without = IdentityGraph({{"x", "y", {"b", "h", "w"}}});
  EXPECT_NE(CheckError(made("0"), without).find("batch_input: target 'u' is no input of the model"),
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
