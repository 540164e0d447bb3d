// One row for each way a file can be wrong: what is spoilt in a valid model, and what the message
// must name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <climits>
#include <functional>

#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using ::onnx_wire::GraphProto;
using ::onnx_wire::ModelProto;
using ::onnx_wire::TensorProto;

struct CheckCase {
  const char* name;
  std::function<void(ModelProto&)> spoil;
  const char* message;
};

GraphProto& GraphOf(ModelProto& m) { return *m.mutable_graph(); }
TensorProto& Weights(ModelProto& m) { return *m.mutable_graph()->mutable_initializer(0); }

::onnx_wire::AttributeProto& AddAttribute(ModelProto& m, const char* name, int type) {
  auto& attribute = *GraphOf(m).mutable_node(1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

/// Turns the second node into LeakyRelu, which has a float attribute.
::onnx_wire::AttributeProto& Alpha(ModelProto& m) {
  GraphOf(m).mutable_node(1)->set_op_type("LeakyRelu");
  return AddAttribute(m, "alpha", 1);
}

const CheckCase kFileCases[] = {
    {"NoGraph", [](ModelProto& m) { m.clear_graph(); }, "it has no graph"},
    {"NoIrVersion", [](ModelProto& m) { m.clear_ir_version(); }, "ir_version is missing"},
    {"IrVersionZero", [](ModelProto& m) { m.set_ir_version(0); }, "ir_version 0 is not positive"},
    {"IrVersionNegative", [](ModelProto& m) { m.set_ir_version(-3); }, "ir_version -3 is not"},
    {"IrVersionNewer", [](ModelProto& m) { m.set_ir_version(15); }, "ir_version 15 is newer"},
    {"NoOpset", [](ModelProto& m) { m.clear_opset_import(); }, "opset_import is missing"},
    {"OpsetTwice",
     [](ModelProto& m) {
       m.add_opset_import()->set_domain("ai.onnx");
       m.mutable_opset_import(1)->set_version(17);
     },
     "duplicate domain 'ai.onnx'"},
    {"OpsetZero", [](ModelProto& m) { m.mutable_opset_import(0)->set_version(0); },
     "version 0 of domain 'ai.onnx' is out of range"},
    {"OpsetHuge",
     [](ModelProto& m) { m.mutable_opset_import(0)->set_version(std::int64_t{INT_MAX} + 1); },
     "is out of range"},
    {"OpsetTooNew", [](ModelProto& m) { m.mutable_opset_import(0)->set_version(29); },
     "opset 29 of ai.onnx (7 to 28 are supported)"},
    {"OpsetTooOld", [](ModelProto& m) { m.mutable_opset_import(0)->set_version(6); },
     "opset 6 of ai.onnx (7 to 28 are supported)"},
    {"DomainNotImported", [](ModelProto& m) { m.mutable_opset_import(0)->set_domain("other"); },
     "domain 'ai.onnx' is not in opset_import"},
    {"NoOutputs", [](ModelProto& m) { GraphOf(m).clear_output(); }, "the graph has no outputs"},
    {"OutputNobodyProduces",
     [](ModelProto& m) { GraphOf(m).mutable_output(0)->set_name("nothing"); },
     "output 'nothing' is not produced"},
    {"OutputTwice",
     [](ModelProto& m) {
       const auto output = GraphOf(m).output(0);
       *GraphOf(m).add_output() = output;
     },
     "duplicate output 'y'"},
    {"OutputWithoutName", [](ModelProto& m) { GraphOf(m).mutable_output(0)->clear_name(); },
     "output without a name"},
    {"OutputNotUtf8",
     [](ModelProto& m) {
       GraphOf(m).mutable_output(0)->set_name("\xC0");
       GraphOf(m).mutable_node(1)->set_output(0, "\xC0");
     },
     "not UTF-8"},
    {"OutputTypeContradicts",
     [](ModelProto& m) {
       GraphOf(m).mutable_output(0)->mutable_type()->mutable_tensor_type()->set_elem_type(7);
     },
     "output 'y' is declared as INT64, but the model computes FP32"},
    {"ValueInfoTypeContradicts",
     [](ModelProto& m) {
       *GraphOf(m).add_value_info() = GraphOf(m).output(0);
       GraphOf(m).mutable_value_info(0)->set_name("t");
       GraphOf(m).mutable_value_info(0)->mutable_type()->mutable_tensor_type()->set_elem_type(10);
     },
     "value 't' is declared as FP16"},
    {"InputTwice",
     [](ModelProto& m) {
       const auto input = GraphOf(m).input(0);
       *GraphOf(m).add_input() = input;
     },
     "duplicate input 'x'"},
    {"InputWithoutShape",
     [](ModelProto& m) {
       GraphOf(m).mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
     },
     "input 'x' has no shape"},
    {"InputWithoutType", [](ModelProto& m) { GraphOf(m).mutable_input(0)->clear_type(); },
     "input 'x' has no type"},
    {"InputOfUnknownType",
     [](ModelProto& m) {
       GraphOf(m).mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(77);
     },
     "input 'x': element type 77"},
    {"InputDimensionNegative",
     [](ModelProto& m) {
       GraphOf(m)
           .mutable_input(0)
           ->mutable_type()
           ->mutable_tensor_type()
           ->mutable_shape()
           ->mutable_dim(1)
           ->set_dim_value(-2);
     },
     "input 'x': negative dimension -2"},
    {"InputDimensionsOverflow",
     [](ModelProto& m) {
       auto& shape =
           *GraphOf(m).mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
       shape.mutable_dim(0)->set_dim_value(INT64_MAX / 2);
       shape.mutable_dim(1)->set_dim_value(3);
     },
     "input 'x': the product of its dimensions overflows"},
    {"InitializerContradictsInput",
     [](ModelProto& m) {
       *GraphOf(m).add_input() = GraphOf(m).input(0);
       GraphOf(m).mutable_input(1)->set_name("b");
       GraphOf(m).mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(7);
     },
     "initializer 'b' is declared as INT64"},
    {"InitializerTwice",
     [](ModelProto& m) {
       const auto tensor = GraphOf(m).initializer(0);
       *GraphOf(m).add_initializer() = tensor;
     },
     "duplicate initializer 'b'"},
    {"InitializerWithoutName", [](ModelProto& m) { Weights(m).clear_name(); },
     "initializer without a name"},
};

const CheckCase kNodeCases[] = {
    {"NoOperator", [](ModelProto& m) { GraphOf(m).mutable_node(1)->clear_op_type(); },
     "node 'act' (): it has no op_type"},
    {"InputNobodyDefines", [](ModelProto& m) { GraphOf(m).mutable_node(1)->set_input(0, "gone"); },
     "node 'act' (Relu): its input 'gone' is not defined anywhere"},
    {"NotSorted", [](ModelProto& m) { GraphOf(m).mutable_node()->SwapElements(0, 1); },
     "not topologically sorted"},
    {"Cycle", [](ModelProto& m) { GraphOf(m).mutable_node(0)->set_input(0, "y"); },
     "node 'shift' (Add): its input 'y' comes from this node or a later one: the graph has a "
     "cycle"},
    {"OwnOutput", [](ModelProto& m) { GraphOf(m).mutable_node(1)->set_input(0, "y"); },
     "node 'act' (Relu): its input 'y' comes from this node"},
    {"OutputNameTaken", [](ModelProto& m) { GraphOf(m).mutable_node(1)->set_output(0, "t"); },
     "node 'act' (Relu): duplicate value name 't'"},
    {"OutputNamedLikeInput", [](ModelProto& m) { GraphOf(m).mutable_node(0)->set_output(0, "x"); },
     "duplicate value name 'x'"},
    {"OutputNamedLikeInitializer",
     [](ModelProto& m) { GraphOf(m).mutable_node(0)->set_output(0, "b"); },
     "duplicate value name 'b'"},
    {"TooManyInputs", [](ModelProto& m) { GraphOf(m).mutable_node(1)->add_input("b"); },
     "wrong number of inputs: 2, expected 1"},
    {"TooFewInputs",
     [](ModelProto& m) { GraphOf(m).mutable_node(0)->mutable_input()->RemoveLast(); },
     "wrong number of inputs: 1, expected 2"},
    {"TooManyOutputs", [](ModelProto& m) { GraphOf(m).mutable_node(1)->add_output("z"); },
     "wrong number of outputs: 2, expected 1"},
    {"RequiredInputLeftOut", [](ModelProto& m) { GraphOf(m).mutable_node(0)->set_input(1, ""); },
     "required input 1 is left out"},
    {"RequiredOutputLeftOut", [](ModelProto& m) { GraphOf(m).mutable_node(0)->set_output(0, ""); },
     "required output 0 is left out"},
    {"ShapesDoNotFit",
     [](ModelProto& m) {
       Weights(m).set_dims(0, 3);
       Weights(m).set_raw_data(std::string(12, '\0'));
     },
     "node 'shift' (Add): shapes"},
    {"ConstantWithInput",
     [](ModelProto& m) { AddNode(GraphOf(m), "Constant", "x", "c").set_name("k"); },
     "node 'k' (Constant): wrong number of inputs"},
    {"ConstantWithoutValue",
     [](ModelProto& m) { AddNode(GraphOf(m), "Constant", "x", "c").clear_input(); },
     "node 'Constant_2' (Constant): it has 0 attributes"},
    {"ConstantOfWrongKind",
     [](ModelProto& m) {
       auto& node = AddNode(GraphOf(m), "Constant", "x", "c");
       node.clear_input();
       auto& attribute = *node.add_attribute();
       attribute.set_name("value");
       attribute.set_type(2);
     },
     "attribute 'value' has type INT, expected TENSOR"},
};

const CheckCase kAttributeCases[] = {
    {"WithoutName", [](ModelProto& m) { Alpha(m).clear_name(); }, "an attribute has no name"},
    {"WithoutType", [](ModelProto& m) { Alpha(m).clear_type(); },
     "attribute 'alpha': type 0 is none"},
    {"UnknownType", [](ModelProto& m) { Alpha(m).set_type(99); },
     "attribute 'alpha': type 99 is none"},
    {"Twice",
     [](ModelProto& m) {
       Alpha(m);
       AddAttribute(m, "alpha", 1);
     },
     "node 'act' (LeakyRelu): attribute 'alpha' appears twice"},
    {"ValueOfOtherType", [](ModelProto& m) { Alpha(m).set_i(3); },
     "attribute 'alpha': its type is FLOAT, but it holds a value of type INT"},
    {"TwoValues",
     [](ModelProto& m) {
       auto& alpha = Alpha(m);
       alpha.set_f(1);
       alpha.add_ints(3);
     },
     "but it holds a value of type INTS"},
    {"NotTheOperatorsType",
     [](ModelProto& m) {
       auto& alpha = Alpha(m);
       alpha.set_type(2);
       alpha.set_i(1);
     },
     "attribute 'alpha' has type INT, expected FLOAT"},
    {"TensorWithoutValue", [](ModelProto& m) { Alpha(m).set_type(4); },
     "its type is TENSOR, but it has no value"},
    {"ReferenceOutsideOfFunction", [](ModelProto& m) { Alpha(m).set_ref_attr_name("a"); },
     "ref_attr_name 'a' is only allowed inside a function"},
    {"ReferenceAndValue",
     [](ModelProto& m) {
       auto& alpha = Alpha(m);
       alpha.set_f(1);
       alpha.set_ref_attr_name("a");
     },
     "it has both a value and ref_attr_name"},
};

class ModelCheck : public ::testing::TestWithParam<CheckCase> {};

TEST_P(ModelCheck, RefusesTheModelByName) {
  ASSERT_TRUE(Load(ValidModel()).ok());
  auto model = ValidModel();
  GetParam().spoil(model);
  const auto loaded = Load(model);
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.message(), ::testing::HasSubstr(GetParam().message));
}

std::string CheckCaseName(const ::testing::TestParamInfo<CheckCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(File, ModelCheck, ::testing::ValuesIn(kFileCases), CheckCaseName);
INSTANTIATE_TEST_SUITE_P(Node, ModelCheck, ::testing::ValuesIn(kNodeCases), CheckCaseName);
INSTANTIATE_TEST_SUITE_P(Attribute, ModelCheck, ::testing::ValuesIn(kAttributeCases),
                         CheckCaseName);

TEST(ModelCheck, RefusesWhatIsNoModel) {
  const auto message = [](std::string bytes) {
    return LoadOnnx(base::IoBuf::FromString(std::move(bytes)), ExternalData::None(), {}).message();
  };
  EXPECT_THAT(message(""), ::testing::HasSubstr("the file is empty"));
  EXPECT_THAT(message("<html>not a model</html>"), ::testing::HasSubstr("not an ONNX model"));
  const std::string whole = ValidModel().SerializeAsString();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(message(whole.substr(0, size)).empty()) << size;
  }
}

}  // namespace
}  // namespace hadron::onnx
