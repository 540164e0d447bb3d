#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace onnx_wire {
class ModelProto;
}

namespace hadron::test {

/// Element type of tensor::DataType in ONNX's numbers.
int OnnxElementType(tensor::DataType type);

/// A tensor for an initializer or an attribute.
struct OnnxTensor {
  tensor::DataType type = tensor::DataType::kFp32;
  tensor::Shape shape;
  std::string raw;                   ///< row-major little-endian, unless strings
  std::vector<std::string> strings;  ///< for kString

  static OnnxTensor Floats(tensor::Shape shape, const std::vector<float>& values);
  static OnnxTensor Ints(tensor::Shape shape, const std::vector<std::int64_t>& values);
  static OnnxTensor Strings(tensor::Shape shape, std::vector<std::string> values);
};

/// A dimension: a number, a name, or "" for unknown.
struct OnnxDim {
  OnnxDim(std::integral auto number) : value(std::int64_t{number}) {}  // NOLINT: implicit by design
  OnnxDim(const char* symbol) : value(std::string(symbol)) {}          // NOLINT: implicit by design
  std::variant<std::int64_t, std::string> value;
};

/// {"alpha", 0.1f}, {"axis", 1}, {"mode", "linear"}, {"pads", std::vector<std::int64_t>{0, 1}}.
struct OnnxAttribute {
  using Value = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                             std::vector<float>, std::vector<std::string>, OnnxTensor>;

  OnnxAttribute(std::string n, std::integral auto v)
      : name(std::move(n)), value(static_cast<std::int64_t>(v)) {}
  OnnxAttribute(std::string n, std::floating_point auto v)
      : name(std::move(n)), value(static_cast<float>(v)) {}
  OnnxAttribute(std::string n, const char* v) : name(std::move(n)), value(std::string(v)) {}
  OnnxAttribute(std::string n, Value v) : name(std::move(n)), value(std::move(v)) {}

  std::string name;
  Value value;
};

struct OnnxNode {
  std::string op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<OnnxAttribute> attributes = {};
  std::string name = {};
  std::string domain = {};
};

/// Writes small ONNX models for tests and benches.
///
///     OnnxWriter w;
///     w.Input("x", DataType::kFp32, {"batch", 8}).Output("y", DataType::kFp32, {"batch", 8});
///     w.Initializer("b", OnnxTensor::Floats({8}, bias)).Node({"Add", {"x", "b"}, {"y"}});
///     std::string file = w.Serialize();
class OnnxWriter {
 public:
  explicit OnnxWriter(int opset = 17);
  ~OnnxWriter();
  OnnxWriter(OnnxWriter&&) noexcept;
  OnnxWriter& operator=(OnnxWriter&&) noexcept;

  OnnxWriter& IrVersion(std::int64_t version);
  /// Adds or replaces the imported version of a domain.
  OnnxWriter& Opset(std::string_view domain, std::int64_t version);
  OnnxWriter& Metadata(std::string key, std::string value);
  OnnxWriter& Input(std::string name, tensor::DataType type, const std::vector<OnnxDim>& dims);
  OnnxWriter& Output(std::string name, tensor::DataType type, const std::vector<OnnxDim>& dims);
  OnnxWriter& Initializer(std::string name, const OnnxTensor& tensor);
  OnnxWriter& Node(const OnnxNode& node);

  std::string Serialize() const;
  /// For what has no method here (functions, malformed files).
  ::onnx_wire::ModelProto& proto() { return *model_; }

 private:
  std::unique_ptr<::onnx_wire::ModelProto> model_;
};

}  // namespace hadron::test
