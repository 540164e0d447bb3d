#include "unit/onnx/fixtures.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace hadron::onnx {

using base::StatusOr;
using tensor::DataType;
using test::OnnxTensor;

::onnx_wire::ModelProto ValidModel() {
  test::OnnxWriter writer;
  writer.Input("x", DataType::kFp32, {"batch", 2})
      .Output("y", DataType::kFp32, {"batch", 2})
      .Initializer("b", OnnxTensor::Floats({2}, {1, 2}))
      .Node({"Add", {"x", "b"}, {"t"}, {}, "shift"})
      .Node({"Relu", {"t"}, {"y"}, {}, "act"});
  return writer.proto();
}

StatusOr<LoadedModel> Load(const ::onnx_wire::ModelProto& model, const LoadLimits& limits) {
  return LoadOnnx(base::IoBuf::FromString(model.SerializeAsString()), ExternalData::None(), limits);
}

StatusOr<LoadedModel> Load(const test::OnnxWriter& writer, const LoadLimits& limits) {
  return LoadOnnx(base::IoBuf::FromString(writer.Serialize()), ExternalData::None(), limits);
}

::onnx_wire::NodeProto& AddNode(::onnx_wire::GraphProto& graph, std::string_view op,
                                std::string_view input, std::string_view output) {
  auto& node = *graph.add_node();
  node.set_op_type(std::string(op));
  node.add_input(std::string(input));
  node.add_output(std::string(output));
  return node;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "hadron-onnx-XXXXXX").string();
  EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryDirectory::Write(const std::string& name, std::string_view bytes) const {
  std::filesystem::create_directories((path_ / name).parent_path());
  std::ofstream file(path_ / name, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(file.good());
}

}  // namespace hadron::onnx
