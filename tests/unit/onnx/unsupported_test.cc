#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/import/diagnostics.h"
#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Unsupported, OneErrorListsEverything) {
  auto model = ValidModel();
  auto& graph = *model.mutable_graph();
  AddNode(graph, "NoSuchOperator", "x", "n1").set_name("first");
  AddNode(graph, "NoSuchOperator", "n1", "n2");
  AddNode(graph, "Fancy", "n2", "n3").set_domain("com.example");
  auto& attribute = *AddNode(graph, "Relu", "n3", "n4").add_attribute();
  attribute.set_name("magic");
  attribute.set_type(2);
  graph.mutable_initializer(0)->set_data_type(14);
  graph.add_sparse_initializer()->mutable_values()->set_name("s");
  *graph.add_input() = graph.input(0);
  graph.mutable_input(1)->set_name("list");
  graph.mutable_input(1)->mutable_type()->set_sequence_type("");

  const auto loaded = Load(model);
  EXPECT_EQ(loaded.code(), base::StatusCode::kUnimplemented);
  EXPECT_THAT(
      loaded.message(),
      AllOf(HasSubstr("operator ai.onnx.NoSuchOperator (opset 17) (node 'first' (NoSuchOperator) "
                      "and 1 more)"),
            HasSubstr("operator com.example.Fancy"),
            HasSubstr("attribute 'magic' of operator ai.onnx.Relu version 14"),
            HasSubstr("type COMPLEX64 of initializer 'b'"), HasSubstr("sparse initializer 's'"),
            HasSubstr("type sequence of input 'list'")));
}

TEST(Unsupported, OperatorsInsideSubgraphsAreListed) {
  auto model = ValidModel();
  auto& attribute = *AddNode(*model.mutable_graph(), "If", "x", "z").add_attribute();
  attribute.set_name("then_branch");
  attribute.set_type(5);
  AddNode(*attribute.mutable_g(), "Relu", "x", "inner");
  AddNode(*attribute.mutable_g(), "Hidden", "inner", "out");
  const auto loaded = Load(model);
  EXPECT_THAT(loaded.message(), AllOf(HasSubstr("ai.onnx.If"), HasSubstr("ai.onnx.Hidden"),
                                      Not(HasSubstr("ai.onnx.Relu"))));
}

TEST(Unsupported, WrongnessIsReportedBeforeLack) {
  auto model = ValidModel();
  AddNode(*model.mutable_graph(), "NoSuchOperator", "gone", "a");
  EXPECT_EQ(Load(model).code(), base::StatusCode::kInvalidArgument);
}

TEST(Unsupported, AnOperatorYoungerThanTheOperatorSetIsListed) {
  auto model = ValidModel();
  model.mutable_opset_import(0)->set_version(28);
  EXPECT_TRUE(Load(model).ok());
  // Other kinds of attribute values are named by their kind.
  auto& attribute = *model.mutable_graph()->mutable_node(1)->add_attribute();
  attribute.set_name("sparse");
  attribute.set_type(11);
  attribute.set_sparse_tensor("");
  EXPECT_THAT(Load(model).message(), HasSubstr("attribute 'sparse' of operator ai.onnx.Relu"));
}

TEST(Unsupported, SparseConstantsAreListed) {
  auto model = ValidModel();
  auto& node = AddNode(*model.mutable_graph(), "Constant", "", "c");
  node.clear_input();
  auto& attribute = *node.add_attribute();
  attribute.set_name("sparse_value");
  attribute.set_type(11);
  attribute.set_sparse_tensor("");
  EXPECT_THAT(Load(model).message(), HasSubstr("attribute 'sparse_value' of operator"));
}

TEST(Unsupported, TypesThatOperatorsRefuseAreAllListed) {
  test::OnnxWriter writer;
  writer.Input("s", tensor::DataType::kString, {2}).Output("t", tensor::DataType::kString, {2});
  writer.Node({"Relu", {"s"}, {"a"}, {}, "first"}).Node({"Relu", {"a"}, {"b"}, {}, "after"});
  writer.Node({"Sigmoid", {"s"}, {"t"}, {}, "second"});
  const auto loaded = Load(writer);
  EXPECT_EQ(loaded.code(), base::StatusCode::kUnimplemented);
  EXPECT_THAT(loaded.message(),
              AllOf(HasSubstr("node 'first' (Relu): type BYTES"),
                    HasSubstr("node 'second' (Sigmoid): type BYTES"), Not(HasSubstr("'after'"))));
}

TEST(Diagnostics, AreBounded) {
  Diagnostics diagnostics;
  for (int i = 0; i < 1000; ++i) {
    diagnostics.Warn("w");
    diagnostics.AddUnsupported("operator " + std::to_string(i), "node");
  }
  EXPECT_THAT(diagnostics.Unsupported().message(), HasSubstr("and 800 more"));
  const auto warnings = diagnostics.TakeWarnings();
  EXPECT_EQ(warnings.size(), 101U);
  EXPECT_EQ(warnings.back(), "and 900 more warnings");
}

}  // namespace
}  // namespace hadron::onnx
