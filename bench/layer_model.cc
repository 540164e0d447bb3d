#include "bench/layer_model.h"

#include <algorithm>
#include <vector>

#include "support/onnx_writer.h"

namespace hadron::bench {
namespace {

using tensor::DataType;

std::vector<float> Weights(const Layer& l) {
  std::vector<float> weights(static_cast<std::size_t>(
      l.in / l.groups * l.out * std::max<std::int64_t>(1, l.kernel * l.kernel)));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(i % 17) * 0.01F - 0.08F;
  }
  return weights;
}

}  // namespace

std::string LayerModel(const Layer& l, int length) {
  test::OnnxWriter writer;
  test::OnnxNode node{"MatMul", {"x", "w"}, {"y"}, {}, "layer"};
  if (l.kernel == 0) {
    writer.Input("x", DataType::kFp32, {"batch", l.size, l.in});
    writer.Output("y", DataType::kFp32, {"batch", l.size, l.out});
    writer.Initializer("w", test::OnnxTensor::Floats({l.in, l.out}, Weights(l)));
  } else {
    writer.Input("x", DataType::kFp32, {"batch", l.in, l.size, l.size});
    writer.Output("y", DataType::kFp32, {"batch", l.out, l.output(), l.output()});
    writer.Initializer(
        "w", test::OnnxTensor::Floats({l.out, l.in / l.groups, l.kernel, l.kernel}, Weights(l)));
    const std::vector<std::int64_t> pads(4, l.kernel / 2);
    const std::vector<std::int64_t> strides(2, l.stride);
    node.op = "Conv";
    node.attributes = {{"pads", pads}, {"strides", strides}, {"group", l.groups}};
  }
  for (int i = 0; i < length; ++i) {
    node.inputs[0] = i == 0 ? "x" : node.outputs[0];
    node.outputs[0] = i + 1 == length ? "y" : "t" + std::to_string(i);
    writer.Node(node);
  }
  return writer.Serialize();
}

}  // namespace hadron::bench
