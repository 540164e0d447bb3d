#include "onnx/import/constants.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "onnx/wire/quote.h"
#include "tensor/string_tensor.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::StatusOr;
using graph::AttributeType;
using graph::Constant;
using graph::ConstantRef;
using tensor::Shape;

struct Form {
  std::string_view attribute;
  AttributeType type;
};

constexpr std::array<Form, 7> kForms = {{{"value", AttributeType::kTensor},
                                         {"value_float", AttributeType::kFloat},
                                         {"value_floats", AttributeType::kFloats},
                                         {"value_int", AttributeType::kInt},
                                         {"value_ints", AttributeType::kInts},
                                         {"value_string", AttributeType::kString},
                                         {"value_strings", AttributeType::kStrings}}};

Shape Vector(std::size_t elements) { return Shape{static_cast<std::int64_t>(elements)}; }

/// One overload for each kind of value: scalars have rank 0, lists rank 1.
struct ToConstant {
  std::string name;

  ConstantRef operator()(std::int64_t value) { return Constant::FromInts(name, {&value, 1}, {}); }
  ConstantRef operator()(float value) { return Constant::FromFloats(name, {&value, 1}, {}); }
  ConstantRef operator()(const std::string& value) { return Strings({&value, 1}, {}); }
  ConstantRef operator()(const std::vector<std::int64_t>& values) {
    return Constant::FromInts(name, values, Vector(values.size()));
  }
  ConstantRef operator()(const std::vector<float>& values) {
    return Constant::FromFloats(name, values, Vector(values.size()));
  }
  ConstantRef operator()(const std::vector<std::string>& values) {
    return Strings(values, Vector(values.size()));
  }
  ConstantRef operator()(const ConstantRef& value) { return value; }
  /// Kinds that no form has.
  ConstantRef operator()(const std::shared_ptr<const graph::Graph>&) { return nullptr; }
  ConstantRef operator()(const graph::OtherAttribute&) { return nullptr; }

  ConstantRef Strings(std::span<const std::string> values, Shape shape) {
    return Constant::FromTensor(
        {{name, tensor::DataType::kString, std::move(shape)}, tensor::EncodeStrings(values)});
  }
};

}  // namespace

StatusOr<ConstantRef> ReadConstantNode(const AttributeMap& attributes, TensorReader& tensors,
                                       std::string name, std::string_view label) {
  if (attributes.size() != 1) {
    return InvalidArgument(
        fmt::format("it has {} attributes, exactly one holds the value", attributes.size()));
  }
  const auto& [key, attribute] = *attributes.begin();
  for (const Form& form : kForms) {
    if (form.attribute != key) continue;
    if (KindOf(*attribute) != form.type) {
      return InvalidArgument(fmt::format("attribute {} has type {}, expected {}", Quote(key),
                                         KindName(*attribute),
                                         graph::AttributeTypeName(form.type)));
    }
    HADRON_ASSIGN_OR_RETURN(const auto value, ReadAttribute(*attribute, tensors, label));
    return std::visit(ToConstant{std::move(name)}, value);
  }
  return base::Unimplemented(fmt::format("attribute {} of operator ai.onnx.Constant", Quote(key)));
}

}  // namespace hadron::onnx
