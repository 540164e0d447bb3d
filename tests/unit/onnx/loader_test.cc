#include "onnx/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/op_schema.h"
#include "tensor/string_tensor.h"
#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using tensor::DataType;
using tensor::Shape;
using test::OnnxNode;
using test::OnnxTensor;
using test::OnnxWriter;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(LoadOnnx, BuildsAGraphWithTypesAndShapes) {
  const auto loaded = Load(ValidModel());
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const graph::Graph& graph = loaded->graph;
  ASSERT_EQ(graph.inputs().size(), 1U);
  EXPECT_EQ(graph.value(graph.inputs()[0]).name, "x");
  ASSERT_EQ(graph.nodes().size(), 2U);
  EXPECT_EQ(graph.nodes()[0].Label(), "node 'shift' (Add)");
  EXPECT_EQ(graph.nodes()[0].since_version, 14);
  ASSERT_EQ(graph.outputs().size(), 1U);
  EXPECT_EQ(graph.outputs()[0].name, "y");
  const graph::Value& y = graph.value(graph.outputs()[0].value);
  EXPECT_EQ(y.type, DataType::kFp32);
  EXPECT_EQ(y.shape, graph.value(graph.inputs()[0]).shape);
  EXPECT_TRUE(y.shape[0].is_symbol());
  EXPECT_EQ(graph.SymbolName(y.shape[0].symbols()[0]), "batch");
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST(LoadOnnx, ReportsWhereTheModelComesFrom) {
  auto model = ValidModel();
  model.set_producer_name("exporter");
  model.set_producer_version("2.1");
  auto& entry = *model.add_metadata_props();
  entry.set_key("author");
  entry.set_value("me");
  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->ir_version, 8);
  EXPECT_EQ(loaded->opsets.at(""), 17);
  EXPECT_EQ(loaded->producer, "exporter 2.1");
  EXPECT_EQ(loaded->metadata.at("author"), "me");
}

TEST(LoadOnnx, InitializersAreNoInputs) {
  auto model = ValidModel();
  *model.mutable_graph()->add_input() = model.graph().input(0);
  model.mutable_graph()->mutable_input(1)->set_name("b");
  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.inputs().size(), 1U);
}

TEST(LoadOnnx, OptionalInputsStayAndHaveDefaults) {
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 2}).Input("b", DataType::kFp32, {"batch", 2});
  w.Initializer("b", OnnxTensor::Floats({1, 2}, {3, 4})).Node({"Add", {"x", "b"}, {"y"}});
  w.Output("y", DataType::kFp32, {"batch", 2});
  const auto file =
      std::make_shared<const base::BufferSource>(base::IoBuf::FromString(w.Serialize()));
  const auto plain = LoadOnnx(file, ExternalData::None(), {}).value();
  EXPECT_EQ(plain.graph.inputs().size(), 1U);
  EXPECT_THAT(plain.defaults, IsEmpty());
  const auto loaded = LoadOnnx(file, ExternalData::None(), {}, {"b", "nobody"}).value();
  EXPECT_EQ(loaded.graph.inputs().size(), 2U);
  ASSERT_TRUE(loaded.defaults.contains("b"));
  EXPECT_EQ(loaded.defaults.at("b")->shape(), Shape({1, 2}));
}

TEST(LoadOnnx, OutputsMayBeInputsOrInitializers) {
  OnnxWriter writer;
  writer.Input("x", DataType::kInt32, {3}).Initializer("w", OnnxTensor::Ints({2}, {7, 8}));
  writer.Output("x", DataType::kInt32, {3}).Output("w", DataType::kInt64, {2});
  const auto loaded = Load(writer);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto& outputs = loaded->graph.outputs();
  EXPECT_EQ(outputs[0].value, loaded->graph.inputs()[0]);
  EXPECT_THAT(*loaded->graph.value(outputs[1].value).constant->Ints(), ElementsAre(7, 8));
}

TEST(LoadOnnx, EqualDimensionNamesAreOneSymbol) {
  OnnxWriter writer;
  writer.Input("a", DataType::kFp32, {"n", "", ""}).Input("b", DataType::kFp32, {"n", "m"});
  writer.Output("a", DataType::kFp32, {}).Node({"Relu", {"b"}, {"unused"}});
  const auto loaded = Load(writer);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto& a = loaded->graph.value(loaded->graph.inputs()[0]).shape;
  const auto& b = loaded->graph.value(loaded->graph.inputs()[1]).shape;
  EXPECT_EQ(a[0], b[0]);
  EXPECT_NE(a[1], a[2]);
  EXPECT_NE(a[1], b[1]);
}

TEST(LoadOnnx, MinusOneIsAnUnknownDimensionWithAWarning) {
  OnnxWriter writer;
  writer.Input("x", DataType::kFp32, {-1, 0}).Output("x", DataType::kFp32, {"n", 0});
  const auto loaded = Load(writer);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto& shape = loaded->graph.value(loaded->graph.inputs()[0]).shape;
  EXPECT_TRUE(shape[0].is_symbol());
  EXPECT_EQ(shape[1], graph::Dim(0));
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("input 'x': dimension -1")));
}

TEST(LoadOnnx, UnnamedNodesAreCalledByOperatorAndIndex) {
  auto model = ValidModel();
  model.mutable_graph()->mutable_node(1)->clear_name();
  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.nodes()[1].name, "Relu_1");
}

TEST(LoadOnnx, BothNamesOfTheMainDomainAreOne) {
  auto model = ValidModel();
  model.mutable_opset_import(0)->set_domain("ai.onnx");
  model.mutable_graph()->mutable_node(1)->set_domain("ai.onnx");
  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.nodes()[1].domain, "");
}

TEST(LoadOnnx, KeepsAttributes) {
  OnnxWriter writer;
  writer.Input("x", DataType::kFp32, {2}).Output("y", DataType::kFp32, {2});
  writer.Node({"LeakyRelu", {"x"}, {"y"}, {{"alpha", 0.25}}});
  const auto loaded = Load(writer);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.nodes()[0].attributes.Float("alpha", 0), 0.25F);
}

/// The constant behind the output of a model that is one Constant node.
graph::ConstantRef LoadConstant(test::OnnxAttribute attribute, DataType type) {
  OnnxWriter writer;
  writer.Output("c", type, {}).Node({"Constant", {}, {"c"}, {std::move(attribute)}});
  const auto loaded = Load(writer);
  if (!loaded.ok()) {
    ADD_FAILURE() << loaded.message();
    return nullptr;
  }
  EXPECT_TRUE(loaded->graph.nodes().empty());
  return loaded->graph.value(loaded->graph.outputs()[0].value).constant;
}

TEST(LoadOnnx, ConstantNodesBecomeConstants) {
  EXPECT_THAT(*LoadConstant({"value", OnnxTensor::Ints({2}, {5, 6})}, DataType::kInt64)->Ints(),
              ElementsAre(5, 6));
  const auto scalar = LoadConstant({"value_float", 1.5}, DataType::kFp32);
  EXPECT_EQ(scalar->shape(), Shape{});
  EXPECT_THAT(*scalar->Doubles(), ElementsAre(1.5));
  EXPECT_THAT(*LoadConstant({"value_int", 3}, DataType::kInt64)->Ints(), ElementsAre(3));
  const auto ints = LoadConstant({"value_ints", std::vector<std::int64_t>{1, 2}}, DataType::kInt64);
  EXPECT_EQ(ints->shape(), Shape{2});
  const auto floats = LoadConstant({"value_floats", std::vector<float>{1, 2, 3}}, DataType::kFp32);
  EXPECT_THAT(*floats->Doubles(), ElementsAre(1, 2, 3));
  const auto text = LoadConstant({"value_string", "hi"}, DataType::kString);
  EXPECT_THAT(*tensor::DecodeStrings(text->Evaluate()->bytes, 1), ElementsAre("hi"));
  const auto texts =
      LoadConstant({"value_strings", std::vector<std::string>{"a", ""}}, DataType::kString);
  EXPECT_THAT(*tensor::DecodeStrings(texts->Evaluate()->bytes, 2), ElementsAre("a", ""));
}

TEST(LoadOnnx, WeightsAreNotCopiedAgain) {
  // The constant's bytes are those that parsing produced: contiguous and alive without the file.
  std::vector<float> values(1000, 0.5F);
  OnnxWriter writer;
  writer.Initializer("w", OnnxTensor::Floats({1000}, values)).Output("w", DataType::kFp32, {1000});
  const auto loaded = Load(writer);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto constant = loaded->graph.value(loaded->graph.outputs()[0].value).constant;
  const auto first = constant->Evaluate();
  const auto second = constant->Evaluate();
  EXPECT_EQ(first->bytes.bytes().data(), second->bytes.bytes().data());
  EXPECT_EQ(first->bytes.size(), 4000U);
}

TEST(LoadOnnx, WrongDeclaredDimensionsAreAWarning) {
  auto model = ValidModel();
  model.mutable_graph()
      ->mutable_output(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(1)
      ->set_dim_value(3);
  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("output 'y': its declared shape differs")));
}

TEST(LoadOnnx, WarnsOfWhatItIgnores) {
  auto model = ValidModel();
  model.add_training_info("");
  model.set_ir_version(15);
  auto& entry = *model.add_metadata_props();
  entry.set_key("k");
  entry.set_value("\xFF");
  const auto loaded = Load(model, {.allow_newer_ir = true});
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_THAT(loaded->warnings, Contains(HasSubstr("training_info")));
  EXPECT_THAT(loaded->warnings, Contains(HasSubstr("ir_version 15")));
  EXPECT_THAT(loaded->warnings, Contains(HasSubstr("metadata 'k' is not UTF-8")));
}

TEST(LoadOnnx, ReadsAFileInSlices) {
  const std::string bytes = ValidModel().SerializeAsString();
  base::IoBuf chain;
  for (const char c : bytes) chain.Append(base::IoBuf::FromString(std::string(1, c)));
  EXPECT_TRUE(LoadOnnx(chain, ExternalData::None(), {}).ok());
}

TEST(LoadOnnxFile, NamesAMissingFile) {
  const TemporaryDirectory directory;
  const auto loaded = LoadOnnxFile((directory.path() / "model.onnx").string(), {});
  EXPECT_EQ(loaded.code(), base::StatusCode::kNotFound);
  EXPECT_THAT(loaded.message(), HasSubstr("model.onnx"));
}

TEST(LoadOnnxFile, RefusesADirectory) {
  const TemporaryDirectory directory;
  const auto loaded = LoadOnnxFile(directory.path().string(), {});
  EXPECT_THAT(loaded.message(), HasSubstr("not a regular file"));
}

TEST(LoadOnnxFile, LoadsTheCommittedTestModels) {
  const std::filesystem::path models = std::string(HADRON_SOURCE_DIR) + "/tests/data/models";
  const auto loaded = LoadOnnxFile((models / "identity_string/1/model.onnx").string(), {});
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.value(loaded->graph.inputs()[0]).type, DataType::kString);
}

}  // namespace
}  // namespace hadron::onnx
