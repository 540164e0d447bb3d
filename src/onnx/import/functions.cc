#include "onnx/import/functions.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "onnx.pb.h"
#include "onnx/import/attributes.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;

/// The lengths keep keys apart whatever characters the names have.
std::string Key(std::string_view domain, std::string_view name, std::string_view overload) {
  domain = NormalDomain(domain);
  return fmt::format("{}:{}:{}{}{}", domain.size(), name.size(), domain, name, overload);
}

template <typename Names>
Status CheckDistinct(const Names& names, std::string_view what) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (name.empty()) return InvalidArgument(fmt::format("{} without a name", what));
    if (!seen.insert(name).second) {
      return InvalidArgument(fmt::format("duplicate {} {}", what, Quote(name)));
    }
  }
  return {};
}

Status CheckDefault(const ::onnx_wire::AttributeProto& attribute) {
  Status form = attribute.ref_attr_name().empty()
                    ? CheckAttributeForm(attribute)
                    : InvalidArgument("a default cannot have ref_attr_name");
  return std::move(form).With("attribute " + Quote(attribute.name()));
}

Status ReadAttributeNames(Function& function) {
  const auto add = [&function](const std::string& name, ::onnx_wire::AttributeProto* value) {
    return function.attributes.emplace(name, value).second
               ? Status()
               : InvalidArgument(fmt::format("duplicate attribute {}", Quote(name)));
  };
  for (const std::string& name : function.proto->attribute()) {
    HADRON_RETURN_IF_ERROR(add(name, nullptr));
  }
  for (auto& attribute : *function.proto->mutable_attribute_proto()) {
    HADRON_RETURN_IF_ERROR(add(attribute.name(), &attribute));
    HADRON_RETURN_IF_ERROR(CheckDefault(attribute));
  }
  return {};
}

StatusOr<Function> ReadFunction(::onnx_wire::FunctionProto& proto) {
  Function function{.proto = &proto, .opsets = {}, .attributes = {}};
  HADRON_RETURN_IF_ERROR(CheckDistinct(proto.input(), "input"));
  HADRON_RETURN_IF_ERROR(CheckDistinct(proto.output(), "output"));
  HADRON_RETURN_IF_ERROR(ReadAttributeNames(function));
  HADRON_ASSIGN_OR_RETURN(function.opsets, OpsetTable::FromFunction(proto));
  return function;
}

}  // namespace

StatusOr<FunctionTable> FunctionTable::Create(::onnx_wire::ModelProto& model) {
  FunctionTable table;
  for (auto& proto : *model.mutable_functions()) {
    if (proto.name().empty()) return InvalidArgument("a function of the model has no name");
    auto function = ReadFunction(proto);
    const std::string label = FunctionLabel(proto);
    if (!function.ok()) return std::move(function).status().With(label);
    if (!table.functions_
             .emplace(Key(proto.domain(), proto.name(), proto.overload()),
                      std::move(function).value())
             .second) {
      return InvalidArgument(fmt::format("duplicate definition of {}", label));
    }
  }
  return table;
}

const Function* FunctionTable::Find(const ::onnx_wire::NodeProto& node) const {
  if (functions_.empty()) return nullptr;
  const auto it = functions_.find(Key(node.domain(), node.op_type(), node.overload()));
  return it == functions_.end() ? nullptr : &it->second;
}

std::string FunctionLabel(const ::onnx_wire::FunctionProto& function) {
  return fmt::format("function {} (domain '{}')", Quote(function.name()),
                     Printable(DomainName(NormalDomain(function.domain()))));
}

}  // namespace hadron::onnx
