#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/wire/scan.h"
#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using ::onnx_wire::GraphProto;
using ::testing::HasSubstr;

std::string LimitError(const ::onnx_wire::ModelProto& model, const LoadLimits& limits) {
  const auto loaded = Load(model, limits);
  return loaded.ok() ? "OK" : loaded.message();
}

TEST(LoadLimits, BoundNodes) {
  auto model = ValidModel();
  for (int i = 0; i < 998; ++i) {
    AddNode(*model.mutable_graph(), "Relu", "x", "v" + std::to_string(i));
  }
  EXPECT_EQ(LimitError(model, {.max_nodes = 1000}), "OK");
  EXPECT_THAT(LimitError(model, {.max_nodes = 999}), HasSubstr("more than 999 nodes"));
}

TEST(LoadLimits, AMillionAndOneNodesAreTooMany) {
  // Empty nodes: two bytes each in the file, so this costs nothing before it is refused.
  ::onnx_wire::ModelProto model = ValidModel();
  std::string graph = model.graph().SerializeAsString();
  for (int i = 0; i < 1'000'001; ++i) graph += std::string("\x0A\x00", 2);
  model.clear_graph();
  std::string file = model.SerializeAsString() + "\x3A";
  for (std::size_t length = graph.size(); length > 0; length >>= 7) {
    file += static_cast<char>((length & 0x7F) | (length > 0x7F ? 0x80 : 0));
  }
  const auto loaded =
      LoadOnnx(base::IoBuf::FromString(file + graph), ExternalData::None(), LoadLimits{});
  EXPECT_EQ(loaded.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(loaded.message(), HasSubstr("more than 1000000 nodes"));
}

TEST(LoadLimits, BoundInitializersAndObjects) {
  auto model = ValidModel();
  for (int i = 0; i < 9; ++i) {
    *model.mutable_graph()->add_initializer() = model.graph().initializer(0);
    model.mutable_graph()->mutable_initializer(i + 1)->set_name("w" + std::to_string(i));
  }
  EXPECT_EQ(LimitError(model, {.max_initializers = 10}), "OK");
  EXPECT_THAT(LimitError(model, {.max_initializers = 9}), HasSubstr("more than 9 initializers"));
  EXPECT_THAT(LimitError(model, {.max_objects = 20}), HasSubstr("more than 20 objects"));
}

TEST(LoadLimits, BoundNames) {
  auto model = ValidModel();
  const std::string name(70'000, 'n');
  model.mutable_graph()->mutable_node(0)->set_name(name);
  EXPECT_THAT(LimitError(model, {}), HasSubstr("has 70000 bytes, at most 65536 are allowed"));
  EXPECT_EQ(LimitError(model, {.max_name_bytes = 70'000}), "OK");
  EXPECT_LT(LimitError(model, {}).size(), 300U) << "messages show only the start of a name";
}

TEST(LoadLimits, BoundTheTotalOfTensors) {
  EXPECT_EQ(LimitError(ValidModel(), {.max_model_bytes = 8}), "OK");
  EXPECT_THAT(LimitError(ValidModel(), {.max_model_bytes = 7}), HasSubstr("tensors exceed 7"));
}

TEST(LoadLimits, BoundSymbolicDimensions) {
  auto model = ValidModel();
  auto& shape = *model.mutable_graph()
                     ->mutable_input(0)
                     ->mutable_type()
                     ->mutable_tensor_type()
                     ->mutable_shape();
  shape.clear_dim();
  for (int i = 0; i < 5; ++i) shape.add_dim();
  EXPECT_THAT(LimitError(model, {.max_symbols = 4}), HasSubstr("more than 4 symbolic dimensions"));
  EXPECT_THAT(LimitError(model, {.max_rank = 4}), HasSubstr("input 'x' has 5 dimensions"));
}

/// A model whose graph holds an If whose body holds an If ...
::onnx_wire::ModelProto NestedModel(int depth) {
  auto model = ValidModel();
  GraphProto* graph = model.mutable_graph();
  for (int i = 0; i < depth; ++i) {
    auto& attribute = *AddNode(*graph, "If", "x", "z" + std::to_string(i)).add_attribute();
    attribute.set_name("then_branch");
    attribute.set_type(5);
    graph = attribute.mutable_g();
  }
  return model;
}

TEST(LoadLimits, BoundNesting) {
  EXPECT_THAT(LimitError(NestedModel(16), {}), HasSubstr("operator ai.onnx.If"));
  EXPECT_THAT(LimitError(NestedModel(17), {}), HasSubstr("nested to a depth above 16"));
  EXPECT_THAT(LimitError(NestedModel(60), {}), HasSubstr("nested to a depth above 16"));
}

TEST(LoadLimits, NestingBombsOfAnyDepthAreRefused) {
  // Graph in attribute in node in graph ..., built from the inside; lengths are varints.
  const auto wrap = [](std::uint8_t tag, const std::string& inner) {
    std::string out(1, static_cast<char>(tag));
    std::size_t length = inner.size();
    do {
      out += static_cast<char>((length & 0x7F) | (length > 0x7F ? 0x80 : 0));
      length >>= 7;
    } while (length > 0);
    return out + inner;
  };
  std::string graph;
  for (int i = 0; i < 2000; ++i) graph = wrap(0x0A, wrap(0x2A, wrap(0x32, graph)));
  const std::string file = wrap(0x3A, graph);
  const auto loaded = LoadOnnx(base::IoBuf::FromString(file), ExternalData::None(), {});
  EXPECT_THAT(loaded.message(), HasSubstr("nested to a depth above 16"));
}

TEST(ScanWire, FollowsTheWireFormat) {
  const auto scan = [](std::string_view bytes) {
    const base::BufferSource file(base::IoBuf::FromString(std::string(bytes)));
    return ScanWire(file, {}).ok();
  };
  EXPECT_TRUE(scan(std::string("\x08\x01\x11\0\0\0\0\0\0\0\0\x15\0\0\0\0", 16)));
  EXPECT_FALSE(scan("\x08"));                   // a tag without its number
  EXPECT_FALSE(scan("\x08\x80"));               // an unfinished number
  EXPECT_FALSE(scan(std::string(12, '\xFF')));  // a number without end
  EXPECT_FALSE(scan(std::string("\x11\0\0\0", 4)));
  EXPECT_FALSE(scan(std::string("\x15\0\0", 3)));
  EXPECT_FALSE(scan(std::string("\x00\x00", 2)));              // field 0
  EXPECT_FALSE(scan("\x0B\x0C"));                              // a group
  EXPECT_FALSE(scan("\x3A\x05\x0A"));                          // a graph longer than the file
  EXPECT_FALSE(scan(std::string("\x3A\x02\x0A\x01\x00", 5)));  // a node longer than its graph
}

}  // namespace
}  // namespace hadron::onnx
