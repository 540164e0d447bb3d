#include "onnx/import/attributes.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "onnx.pb.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;
using graph::AttributeType;
using graph::AttributeValue;

struct Kind {
  std::string_view name;
  AttributeType type;
  bool message;  ///< a single message: has no default, must be there
};

/// By ONNX's AttributeType, from 1.
constexpr std::array<Kind, 14> kKinds = {{{"FLOAT", AttributeType::kFloat, false},
                                          {"INT", AttributeType::kInt, false},
                                          {"STRING", AttributeType::kString, false},
                                          {"TENSOR", AttributeType::kTensor, true},
                                          {"GRAPH", AttributeType::kGraph, true},
                                          {"FLOATS", AttributeType::kFloats, false},
                                          {"INTS", AttributeType::kInts, false},
                                          {"STRINGS", AttributeType::kStrings, false},
                                          {"TENSORS", AttributeType::kOther, false},
                                          {"GRAPHS", AttributeType::kOther, false},
                                          {"SPARSE_TENSOR", AttributeType::kOther, true},
                                          {"SPARSE_TENSORS", AttributeType::kOther, false},
                                          {"TYPE_PROTO", AttributeType::kOther, true},
                                          {"TYPE_PROTOS", AttributeType::kOther, false}}};

/// Which value fields are filled, in the order of kKinds.
std::array<bool, 14> FilledFields(const ::onnx_wire::AttributeProto& a) {
  return {a.has_f(),
          a.has_i(),
          a.has_s(),
          a.has_t(),
          a.has_g(),
          a.floats_size() > 0,
          a.ints_size() > 0,
          a.strings_size() > 0,
          a.tensors_size() > 0,
          a.graphs_size() > 0,
          a.has_sparse_tensor(),
          a.sparse_tensors_size() > 0,
          a.has_tp(),
          a.type_protos_size() > 0};
}

bool KnownKind(const ::onnx_wire::AttributeProto& attribute) {
  return attribute.type() >= 1 && attribute.type() <= static_cast<int>(kKinds.size());
}

const Kind& KindRow(const ::onnx_wire::AttributeProto& attribute) {
  return kKinds[static_cast<std::size_t>(attribute.type() - 1)];
}

/// The attribute that takes the place of `attribute`; null when the call leaves it out.
StatusOr<::onnx_wire::AttributeProto*> Dereference(::onnx_wire::AttributeProto& attribute,
                                                   const AttributeMap* call) {
  if (attribute.ref_attr_name().empty()) return &attribute;
  const std::string_view target = attribute.ref_attr_name();
  if (call == nullptr) {
    return InvalidArgument(
        fmt::format("ref_attr_name {} is only allowed inside a function", Quote(target)));
  }
  const auto it = call->find(target);
  if (it == call->end()) {
    return InvalidArgument(
        fmt::format("ref_attr_name {} is no attribute of the function", Quote(target)));
  }
  if (it->second != nullptr && it->second->type() != attribute.type()) {
    return InvalidArgument(fmt::format("its type is {}, but {} of the call has type {}",
                                       KindName(attribute), Quote(target), KindName(*it->second)));
  }
  return it->second;
}

template <typename Strings>
std::uint64_t TextBytes(const Strings& strings) {
  std::uint64_t bytes = 0;
  for (const std::string& text : strings) bytes += text.size() + sizeof(std::string);
  return bytes;
}

}  // namespace

Status CheckAttributeForm(const ::onnx_wire::AttributeProto& attribute) {
  if (!KnownKind(attribute)) {
    return InvalidArgument(fmt::format("type {} is none that ONNX defines", attribute.type()));
  }
  const auto filled = FilledFields(attribute);
  const auto stated = static_cast<std::size_t>(attribute.type() - 1);
  for (std::size_t i = 0; i < filled.size(); ++i) {
    if (!filled[i]) continue;
    if (!attribute.ref_attr_name().empty()) {
      return InvalidArgument("it has both a value and ref_attr_name");
    }
    if (i != stated) {
      return InvalidArgument(fmt::format("its type is {}, but it holds a value of type {}",
                                         kKinds[stated].name, kKinds[i].name));
    }
  }
  if (attribute.ref_attr_name().empty() && kKinds[stated].message && !filled[stated]) {
    return InvalidArgument(fmt::format("its type is {}, but it has no value", kKinds[stated].name));
  }
  return {};
}

StatusOr<AttributeMap> ResolveAttributes(::onnx_wire::NodeProto& node, const AttributeMap* call) {
  AttributeMap resolved;
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.name().empty()) return InvalidArgument("an attribute has no name");
    const std::string label = "attribute " + Quote(attribute.name());
    Status form = CheckAttributeForm(attribute);
    if (!form.ok()) return std::move(form).With(label);
    auto target = Dereference(attribute, call);
    if (!target.ok()) return std::move(target).status().With(label);
    if (!resolved.emplace(attribute.name(), *target).second) {
      return InvalidArgument(label + " appears twice");
    }
  }
  std::erase_if(resolved, [](const auto& entry) { return entry.second == nullptr; });
  return resolved;
}

AttributeType KindOf(const ::onnx_wire::AttributeProto& attribute) {
  return KnownKind(attribute) ? KindRow(attribute).type : AttributeType::kOther;
}

std::string KindName(const ::onnx_wire::AttributeProto& attribute) {
  return KnownKind(attribute) ? std::string(KindRow(attribute).name)
                              : fmt::format("type {}", attribute.type());
}

StatusOr<AttributeValue> ReadAttribute(::onnx_wire::AttributeProto& attribute,
                                       TensorReader& tensors, std::string_view label) {
  switch (KindOf(attribute)) {
    case AttributeType::kInt:
      return AttributeValue(attribute.i());
    case AttributeType::kFloat:
      return AttributeValue(attribute.f());
    case AttributeType::kString:
      return AttributeValue(attribute.s());
    case AttributeType::kInts:
      return AttributeValue(
          std::vector<std::int64_t>(attribute.ints().begin(), attribute.ints().end()));
    case AttributeType::kFloats:
      return AttributeValue(
          std::vector<float>(attribute.floats().begin(), attribute.floats().end()));
    case AttributeType::kStrings:
      return AttributeValue(
          std::vector<std::string>(attribute.strings().begin(), attribute.strings().end()));
    case AttributeType::kTensor: {
      const std::string what =
          fmt::format("tensor in attribute {} of {}", Quote(attribute.name()), label);
      auto constant = tensors.Read(*attribute.mutable_t(), attribute.name(), what);
      if (constant.ok()) return AttributeValue(std::move(constant).value());
      // What is not supported goes into a list of its own, where `what` says it all.
      if (constant.code() == base::StatusCode::kUnimplemented) return std::move(constant).status();
      return std::move(constant).status().With("attribute " + Quote(attribute.name()));
    }
    default:
      return AttributeValue(graph::OtherAttribute{KindName(attribute)});
  }
}

std::uint64_t CopiedBytes(const ::onnx_wire::AttributeProto& attribute) {
  return attribute.name().size() + attribute.s().size() +
         static_cast<std::uint64_t>(attribute.ints_size()) * sizeof(std::int64_t) +
         static_cast<std::uint64_t>(attribute.floats_size()) * sizeof(float) +
         TextBytes(attribute.strings());
}

}  // namespace hadron::onnx
