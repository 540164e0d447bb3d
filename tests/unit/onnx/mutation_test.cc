// Bytes changed at random, the same way in every run: the loader answers, whatever it is given.
#include <gtest/gtest.h>

#include <random>

#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

/// A model with everything the loader looks at.
std::string RichModel() {
  auto model = ValidModel();
  auto& graph = *model.mutable_graph();
  *graph.add_value_info() = graph.output(0);
  graph.mutable_value_info(0)->set_name("t");
  auto& text = *graph.add_initializer();
  text.set_name("text");
  text.set_data_type(8);
  text.add_dims(2);
  text.add_string_data("alpha");
  text.add_string_data("beta");
  auto& small = *graph.add_initializer();
  small.set_name("small");
  small.set_data_type(2);
  small.add_dims(3);
  for (int i = 0; i < 3; ++i) small.add_int32_data(i);
  auto& external = *graph.add_initializer();
  external.set_name("external");
  external.set_data_type(1);
  external.add_dims(0);
  auto& function = *model.add_functions();
  function.set_name("f");
  function.set_domain("local");
  function.add_input("in");
  function.add_output("out");
  function.add_attribute("slope");
  function.add_opset_import()->set_version(17);
  auto& body = *function.add_node();
  body.set_op_type("LeakyRelu");
  body.add_input("in");
  body.add_output("out");
  auto& reference = *body.add_attribute();
  reference.set_name("alpha");
  reference.set_type(1);
  reference.set_ref_attr_name("slope");
  model.add_opset_import()->set_domain("local");
  model.mutable_opset_import(1)->set_version(1);
  auto& call = AddNode(graph, "f", "y", "z");
  call.set_domain("local");
  auto& slope = *call.add_attribute();
  slope.set_name("slope");
  slope.set_type(1);
  slope.set_f(0.5F);
  return model.SerializeAsString();
}

std::string Mutate(std::string bytes, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return random() % n; };
  const std::size_t changes = 1 + below(4);
  for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
    const std::size_t at = below(bytes.size());
    switch (below(5)) {
      case 0:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.insert(at, 1 + below(8), static_cast<char>(below(256)));
        break;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(40)));
        break;
    }
  }
  return bytes;
}

TEST(Mutations, NeverCrashTheLoader) {
  const std::string valid = RichModel();
  ASSERT_TRUE(LoadOnnx(base::IoBuf::FromString(valid), ExternalData::None(), {}).ok());
  std::mt19937 random(20240611);
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    auto bytes = base::IoBuf::FromString(Mutate(valid, random));
    const auto loaded = LoadOnnx(bytes, ExternalData::None(), {});
    if (loaded.ok()) continue;
    ++refused;
    EXPECT_FALSE(loaded.message().empty());
    EXPECT_NE(loaded.code(), base::StatusCode::kInternal) << loaded.message();
  }
  EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace hadron::onnx
