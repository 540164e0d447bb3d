#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using ::onnx_wire::FunctionProto;
using ::onnx_wire::ModelProto;
using ::onnx_wire::NodeProto;
using ::testing::HasSubstr;

FunctionProto& AddFunction(ModelProto& model, const std::string& name) {
  auto& function = *model.add_functions();
  function.set_name(name);
  function.set_domain("local");
  function.add_input("in");
  function.add_output("out");
  function.add_opset_import()->set_version(17);
  return function;
}

NodeProto& AddBodyNode(FunctionProto& function, const char* op, const std::string& input,
                       const std::string& output) {
  auto& node = *function.add_node();
  node.set_op_type(op);
  node.add_input(input);
  node.add_output(output);
  return node;
}

NodeProto& AddCall(FunctionProto& function, const std::string& callee, const std::string& input,
                   const std::string& output) {
  auto& node = AddBodyNode(function, callee.c_str(), input, output);
  node.set_domain("local");
  return node;
}

/// ValidModel with the last node calling local.f.
ModelProto CallingModel() {
  auto model = ValidModel();
  model.add_opset_import()->set_domain("local");
  model.mutable_opset_import(1)->set_version(1);
  auto& node = *model.mutable_graph()->mutable_node(1);
  node.set_op_type("f");
  node.set_domain("local");
  return model;
}

/// f(in) = LeakyRelu(Neg(in)), alpha from the attribute "slope".
FunctionProto& AddLeaky(ModelProto& model) {
  auto& function = AddFunction(model, "f");
  AddBodyNode(function, "Neg", "in", "t");  // "t" is also a name of the caller
  auto& attribute = *AddBodyNode(function, "LeakyRelu", "t", "out").add_attribute();
  attribute.set_name("alpha");
  attribute.set_type(1);
  attribute.set_ref_attr_name("slope");
  return function;
}

std::string FunctionError(const ModelProto& model, const LoadLimits& limits = {}) {
  const auto loaded = Load(model, limits);
  return loaded.ok() ? "OK" : loaded.message();
}

TEST(ModelFunctions, AreInlinedWithTheirOwnNames) {
  auto model = CallingModel();
  AddLeaky(model).add_attribute("slope");
  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto& nodes = loaded->graph.nodes();
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[1].op_type, "Neg");
  EXPECT_EQ(nodes[1].inputs[0], nodes[0].outputs[0]);
  EXPECT_EQ(nodes[2].inputs[0], nodes[1].outputs[0]);
  EXPECT_EQ(loaded->graph.outputs()[0].value, nodes[2].outputs[0]);
  EXPECT_EQ(nodes[2].name, "f#0/LeakyRelu_1");
  EXPECT_FALSE(nodes[2].attributes.Has("alpha")) << "no value, no default: dropped";
}

TEST(ModelFunctions, AttributesComeFromTheCallOrTheDefault) {
  auto model = CallingModel();
  auto& standard = *AddLeaky(model).add_attribute_proto();
  standard.set_name("slope");
  standard.set_type(1);
  standard.set_f(0.5F);
  auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.nodes()[2].attributes.Float("alpha", 0), 0.5F);

  auto& given = *model.mutable_graph()->mutable_node(1)->add_attribute();
  given.set_name("slope");
  given.set_type(1);
  given.set_f(0.125F);
  loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.nodes()[2].attributes.Float("alpha", 0), 0.125F);
}

TEST(ModelFunctions, PassAttributesOnAndShareConstants) {
  auto model = CallingModel();
  auto& outer = AddFunction(model, "f");
  outer.add_attribute("outer_slope");
  for (const auto& [input, output] : {std::pair{"in", "mid"}, std::pair{"mid", "out"}}) {
    auto& reference = *AddCall(outer, "g", input, output).add_attribute();
    reference.set_name("slope");
    reference.set_type(1);
    reference.set_ref_attr_name("outer_slope");
  }
  AddLeaky(model).set_name("g");
  auto& inner = *model.mutable_functions(1);
  inner.add_attribute("slope");
  auto& constant = AddBodyNode(inner, "Constant", "", "k");
  constant.clear_input();
  auto& value = *constant.add_attribute();
  value.set_name("value");
  value.set_type(4);
  *value.mutable_t() = model.graph().initializer(0);
  auto& given = *model.mutable_graph()->mutable_node(1)->add_attribute();
  given.set_name("outer_slope");
  given.set_type(1);
  given.set_f(2);

  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  ASSERT_EQ(loaded->graph.nodes().size(), 5U);
  EXPECT_EQ(loaded->graph.nodes()[2].attributes.Float("alpha", 0), 2);
  EXPECT_EQ(loaded->graph.nodes()[4].attributes.Float("alpha", 0), 2);
  std::vector<const graph::Constant*> shared;
  for (std::size_t i = 0; i < loaded->graph.value_count(); ++i) {
    const auto& v = loaded->graph.value(static_cast<graph::ValueId>(i));
    if (v.name.ends_with("/k")) shared.push_back(v.constant.get());
  }
  ASSERT_EQ(shared.size(), 2U);
  EXPECT_EQ(shared[0], shared[1]);
}

TEST(ModelFunctions, TakePrecedenceOverOperators) {
  auto model = ValidModel();
  auto& function = AddFunction(model, "Relu");
  function.set_domain("ai.onnx");
  AddBodyNode(function, "Sigmoid", "in", "out");
  const auto loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.nodes()[1].op_type, "Sigmoid");
}

TEST(ModelFunctions, UseTheirOwnOperatorSets) {
  auto model = CallingModel();
  auto& function = AddLeaky(model);
  function.add_attribute("slope");
  function.mutable_opset_import(0)->set_version(29);
  EXPECT_THAT(FunctionError(model), HasSubstr("opset 29 of ai.onnx"));
}

TEST(ModelFunctions, MayLeaveInputsOut) {
  auto model = CallingModel();
  auto& function = AddFunction(model, "f");
  function.add_input("second");
  AddBodyNode(function, "Relu", "in", "out");
  EXPECT_EQ(FunctionError(model), "OK");
  AddBodyNode(function, "Relu", "second", "unused");
  EXPECT_THAT(FunctionError(model), HasSubstr("required input 0 is left out"));
}

TEST(ModelFunctions, MayReturnTheirInput) {
  auto model = CallingModel();
  auto& function = AddFunction(model, "f");
  function.set_output(0, "in");
  EXPECT_EQ(FunctionError(model), "OK");
}

TEST(ModelFunctions, RefuseRecursion) {
  auto model = CallingModel();
  AddCall(AddFunction(model, "f"), "g", "in", "out");
  AddCall(AddFunction(model, "g"), "f", "in", "out");
  EXPECT_THAT(FunctionError(model), HasSubstr("function 'f' (domain 'local') is recursive"));
}

/// f0 calls f1 twice, f1 calls f2 twice, ...
ModelProto DoublingModel(int functions) {
  auto model = CallingModel();
  model.mutable_graph()->mutable_node(1)->set_op_type("f0");
  for (int i = 0; i < functions; ++i) {
    auto& function = AddFunction(model, "f" + std::to_string(i));
    if (i + 1 == functions) {
      AddBodyNode(function, "Relu", "in", "out");
    } else {
      AddCall(function, "f" + std::to_string(i + 1), "in", "mid");
      AddCall(function, "f" + std::to_string(i + 1), "mid", "out");
    }
  }
  return model;
}

TEST(ModelFunctions, RefuseExponentialGrowth) {
  EXPECT_EQ(FunctionError(DoublingModel(8), {.max_nodes = 1000}), "OK");
  EXPECT_THAT(FunctionError(DoublingModel(14), {.max_nodes = 1000}),
              HasSubstr("more than 1000 nodes after its functions are inlined"));
  EXPECT_THAT(FunctionError(DoublingModel(40)), HasSubstr("functions call each other deeper than"));
}

TEST(ModelFunctions, RefuseLargeBodiesCalledOften) {
  auto model = CallingModel();
  auto& function = AddLeaky(model);
  function.add_attribute("slope");
  function.mutable_node(0)->set_output(0, std::string(5000, 'n'));
  function.mutable_node(1)->set_input(0, std::string(5000, 'n'));
  EXPECT_EQ(FunctionError(model, {.max_expanded_bytes = 6000}), "OK");
  EXPECT_THAT(FunctionError(model, {.max_expanded_bytes = 4000}),
              HasSubstr("names and attributes"));
}

struct FunctionCase {
  const char* name;
  void (*spoil)(ModelProto&);
  const char* message;
};

const FunctionCase kFunctionCases[] = {
    {"DefinedTwice", [](ModelProto& m) { *m.add_functions() = m.functions(0); },
     "duplicate definition of function 'f' (domain 'local')"},
    {"WithoutName", [](ModelProto& m) { m.mutable_functions(0)->clear_name(); }, "has no name"},
    {"InputTwice", [](ModelProto& m) { m.mutable_functions(0)->add_input("in"); },
     "function 'f' (domain 'local'): duplicate input 'in'"},
    {"OutputTwice", [](ModelProto& m) { m.mutable_functions(0)->add_output("out"); },
     "duplicate output 'out'"},
    {"AttributeTwice", [](ModelProto& m) { m.mutable_functions(0)->add_attribute("slope"); },
     "duplicate attribute 'slope'"},
    {"OutputNobodyProduces", [](ModelProto& m) { m.mutable_functions(0)->set_output(0, "none"); },
     "function 'f' (domain 'local') never produces its output 'none'"},
    {"InputNobodyDefines",
     [](ModelProto& m) { m.mutable_functions(0)->mutable_node(0)->set_input(0, "x"); },
     "its input 'x' is not defined anywhere"},
    {"TooManyInputs", [](ModelProto& m) { m.mutable_graph()->mutable_node(1)->add_input("x"); },
     "node 'act' (f): wrong number of inputs or outputs: 2 and 1"},
    {"TooManyOutputs", [](ModelProto& m) { m.mutable_graph()->mutable_node(1)->add_output("z"); },
     "wrong number of inputs or outputs: 1 and 2"},
    {"UnknownAttribute",
     [](ModelProto& m) {
       auto& attribute = *m.mutable_graph()->mutable_node(1)->add_attribute();
       attribute.set_name("steep");
       attribute.set_type(1);
     },
     "function 'f' (domain 'local') has no attribute 'steep'"},
    {"AttributeOfOtherType",
     [](ModelProto& m) {
       auto& attribute = *m.mutable_graph()->mutable_node(1)->add_attribute();
       attribute.set_name("slope");
       attribute.set_type(2);
     },
     "its type is FLOAT, but 'slope' of the call has type INT"},
    {"ReferenceToUnknownAttribute",
     [](ModelProto& m) {
       m.mutable_functions(0)->mutable_node(1)->mutable_attribute(0)->set_ref_attr_name("other");
     },
     "ref_attr_name 'other' is no attribute of the function"},
    {"DefaultWithReference",
     [](ModelProto& m) {
       auto& attribute = *m.mutable_functions(0)->add_attribute_proto();
       attribute.set_name("k");
       attribute.set_type(1);
       attribute.set_ref_attr_name("slope");
     },
     "attribute 'k': a default cannot have ref_attr_name"},
};

class FunctionCheck : public ::testing::TestWithParam<FunctionCase> {};

TEST_P(FunctionCheck, RefusesTheModelByName) {
  auto model = CallingModel();
  AddLeaky(model).add_attribute("slope");
  ASSERT_EQ(FunctionError(model), "OK");
  GetParam().spoil(model);
  EXPECT_THAT(FunctionError(model), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Function, FunctionCheck, ::testing::ValuesIn(kFunctionCases),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hadron::onnx
