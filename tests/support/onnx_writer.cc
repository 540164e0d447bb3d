#include "support/onnx_writer.h"

#include <array>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "onnx.pb.h"

namespace hadron::test {
namespace {

using tensor::DataType;

/// AttributeProto.type by the index of OnnxAttribute::Value.
constexpr std::array<int, 7> kAttributeTypes = {2, 1, 3, 7, 6, 8, 4};

template <typename T>
std::string RawBytes(const std::vector<T>& values) {
  return std::string(base::AsText(std::as_bytes(std::span(values))));
}

void WriteTensor(const OnnxTensor& tensor, ::onnx_wire::TensorProto& to) {
  for (const std::int64_t dim : tensor.shape) to.add_dims(dim);
  to.set_data_type(OnnxElementType(tensor.type));
  if (tensor.type == DataType::kString) {
    for (const std::string& text : tensor.strings) to.add_string_data(text);
  } else {
    to.set_raw_data(tensor.raw);
  }
}

void WriteInfo(std::string name, DataType type, const std::vector<OnnxDim>& dims,
               ::onnx_wire::ValueInfoProto& to) {
  to.set_name(std::move(name));
  auto& tensor = *to.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(OnnxElementType(type));
  auto& shape = *tensor.mutable_shape();
  for (const OnnxDim& dim : dims) {
    auto& out = *shape.add_dim();
    if (const auto* number = std::get_if<std::int64_t>(&dim.value)) {
      out.set_dim_value(*number);
    } else if (const auto& symbol = std::get<std::string>(dim.value); !symbol.empty()) {
      out.set_dim_param(symbol);
    }
  }
}

/// Stores each kind of value in its field.
struct ValueWriter {
  ::onnx_wire::AttributeProto& to;

  void operator()(std::int64_t value) { to.set_i(value); }
  void operator()(float value) { to.set_f(value); }
  void operator()(const std::string& value) { to.set_s(value); }
  void operator()(const std::vector<std::int64_t>& values) {
    to.mutable_ints()->Add(values.begin(), values.end());
  }
  void operator()(const std::vector<float>& values) {
    to.mutable_floats()->Add(values.begin(), values.end());
  }
  void operator()(const std::vector<std::string>& values) {
    for (const std::string& value : values) to.add_strings(value);
  }
  void operator()(const OnnxTensor& value) { WriteTensor(value, *to.mutable_t()); }
};

}  // namespace

int OnnxElementType(DataType type) {
  // By DataType: BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BYTES BF16.
  static constexpr std::array<int, 15> kCodes = {0, 9, 2, 4, 12, 13, 3, 5, 6, 7, 10, 1, 11, 8, 16};
  return kCodes[static_cast<std::size_t>(type)];
}

OnnxTensor OnnxTensor::Floats(tensor::Shape shape, const std::vector<float>& values) {
  HADRON_CHECK(shape.elements() == static_cast<std::int64_t>(values.size()));
  return {DataType::kFp32, std::move(shape), RawBytes(values), {}};
}

OnnxTensor OnnxTensor::Ints(tensor::Shape shape, const std::vector<std::int64_t>& values) {
  HADRON_CHECK(shape.elements() == static_cast<std::int64_t>(values.size()));
  return {DataType::kInt64, std::move(shape), RawBytes(values), {}};
}

OnnxTensor OnnxTensor::Strings(tensor::Shape shape, std::vector<std::string> values) {
  HADRON_CHECK(shape.elements() == static_cast<std::int64_t>(values.size()));
  return {DataType::kString, std::move(shape), {}, std::move(values)};
}

OnnxWriter::OnnxWriter(int opset) : model_(std::make_unique<::onnx_wire::ModelProto>()) {
  model_->set_ir_version(8);
  model_->mutable_graph()->set_name("test");
  Opset("", opset);
}

OnnxWriter::~OnnxWriter() = default;
OnnxWriter::OnnxWriter(OnnxWriter&&) noexcept = default;
OnnxWriter& OnnxWriter::operator=(OnnxWriter&&) noexcept = default;

OnnxWriter& OnnxWriter::IrVersion(std::int64_t version) {
  model_->set_ir_version(version);
  return *this;
}

OnnxWriter& OnnxWriter::Opset(std::string_view domain, std::int64_t version) {
  for (auto& import : *model_->mutable_opset_import()) {
    if (import.domain() != domain) continue;
    import.set_version(version);
    return *this;
  }
  auto& import = *model_->add_opset_import();
  import.set_domain(std::string(domain));
  import.set_version(version);
  return *this;
}

OnnxWriter& OnnxWriter::Metadata(std::string key, std::string value) {
  auto& entry = *model_->add_metadata_props();
  entry.set_key(std::move(key));
  entry.set_value(std::move(value));
  return *this;
}

OnnxWriter& OnnxWriter::Input(std::string name, DataType type, const std::vector<OnnxDim>& dims) {
  WriteInfo(std::move(name), type, dims, *model_->mutable_graph()->add_input());
  return *this;
}

OnnxWriter& OnnxWriter::Output(std::string name, DataType type, const std::vector<OnnxDim>& dims) {
  WriteInfo(std::move(name), type, dims, *model_->mutable_graph()->add_output());
  return *this;
}

OnnxWriter& OnnxWriter::Initializer(std::string name, const OnnxTensor& tensor) {
  auto& to = *model_->mutable_graph()->add_initializer();
  to.set_name(std::move(name));
  WriteTensor(tensor, to);
  return *this;
}

OnnxWriter& OnnxWriter::Node(const OnnxNode& node) {
  auto& to = *model_->mutable_graph()->add_node();
  to.set_op_type(node.op);
  for (const std::string& name : node.inputs) to.add_input(name);
  for (const std::string& name : node.outputs) to.add_output(name);
  if (!node.name.empty()) to.set_name(node.name);
  if (!node.domain.empty()) to.set_domain(node.domain);
  for (const OnnxAttribute& attribute : node.attributes) {
    auto& out = *to.add_attribute();
    out.set_name(attribute.name);
    out.set_type(kAttributeTypes[attribute.value.index()]);
    std::visit(ValueWriter{out}, attribute.value);
  }
  return *this;
}

std::string OnnxWriter::Serialize() const { return model_->SerializeAsString(); }

}  // namespace hadron::test
