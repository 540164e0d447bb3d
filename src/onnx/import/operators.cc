#include "onnx/import/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "onnx.pb.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;
using graph::AttributeSpec;
using graph::AttributeType;
using graph::OpSchema;

std::string OperatorName(const ::onnx_wire::NodeProto& node) {
  const std::string_view domain = NormalDomain(node.domain());
  const std::string version =
      node.overload().empty() ? "" : fmt::format(" overload {}", Quote(node.overload()));
  return fmt::format("{}.{}{}", Printable(DomainName(domain)), Printable(node.op_type()), version);
}

void AddOperator(const ::onnx_wire::NodeProto& node, int opset, std::string_view label,
                 Diagnostics& diagnostics) {
  diagnostics.AddUnsupported(fmt::format("operator {} (opset {})", OperatorName(node), opset),
                             label);
}

/// Nothing when the version of the operator has no such attribute.
const AttributeSpec* FindSpec(const BoundOperator& op, std::string_view name) {
  for (const AttributeSpec& spec : op.schema->attributes) {
    if (spec.name == name && spec.since <= op.version && op.version <= spec.until) return &spec;
  }
  return nullptr;
}

Status CheckRequired(const BoundOperator& op, const AttributeMap& attributes) {
  for (const AttributeSpec& spec : op.schema->attributes) {
    const bool applies = spec.since <= op.version && op.version <= spec.until;
    if (spec.required && applies && !attributes.contains(spec.name)) {
      return InvalidArgument(fmt::format("required attribute '{}' is missing", spec.name));
    }
  }
  return {};
}

std::string Bounds(int least, int most) {
  if (most == graph::kVariadic) return fmt::format("at least {}", least);
  return least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
}

void ListGraph(const ::onnx_wire::GraphProto& graph, const OpsetTable& opsets,
               const FunctionTable& functions, Diagnostics& diagnostics) {
  for (const auto& node : graph.node()) {
    const bool constant = node.op_type() == "Constant" && NormalDomain(node.domain()).empty();
    if (!constant && functions.Find(node) == nullptr) {
      // A domain that is not imported is wrong, but the model is refused for this node anyway.
      const auto bound =
          BindOperator(node, opsets, NodeLabel(node.name(), node.op_type()), diagnostics);
      static_cast<void>(bound.ok());
    }
    ListSubgraphs(node, opsets, functions, diagnostics);
  }
}

}  // namespace

std::string NodeLabel(std::string_view name, std::string_view op_type) {
  return fmt::format("node {} ({})", Quote(name), Printable(op_type));
}

bool OpsetSupported(std::string_view domain, int opset, std::string_view label,
                    Diagnostics& diagnostics) {
  const bool main = NormalDomain(domain).empty();
  const int oldest = main ? graph::kOldestOpset : 1;
  const int newest = main ? graph::kNewestOpset : graph::kNewestMlOpset;
  if (opset >= oldest && opset <= newest) return true;
  diagnostics.AddUnsupported(fmt::format("opset {} of {} ({} to {} are supported)", opset,
                                         DomainName(NormalDomain(domain)), oldest, newest),
                             label);
  return false;
}

StatusOr<BoundOperator> BindOperator(const ::onnx_wire::NodeProto& node, const OpsetTable& opsets,
                                     std::string_view label, Diagnostics& diagnostics) {
  const int opset = opsets.VersionOf(node.domain());
  const OpSchema* schema = graph::OpRegistry::Get().Find(node.domain(), node.op_type());
  if (schema == nullptr) {
    AddOperator(node, opset, label, diagnostics);
    return BoundOperator{};
  }
  if (opset == 0) {
    return InvalidArgument(fmt::format("its domain '{}' is not in opset_import",
                                       Printable(DomainName(NormalDomain(node.domain())))));
  }
  if (!OpsetSupported(node.domain(), opset, label, diagnostics)) return BoundOperator{};
  const int version = graph::BindVersion(*schema, opset);
  if (version == 0) {
    AddOperator(node, opset, label, diagnostics);
    return BoundOperator{};
  }
  return BoundOperator{schema, version};
}

void ListSubgraphs(const ::onnx_wire::NodeProto& node, const OpsetTable& opsets,
                   const FunctionTable& functions, Diagnostics& diagnostics) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) ListGraph(attribute.g(), opsets, functions, diagnostics);
    for (const auto& graph : attribute.graphs()) ListGraph(graph, opsets, functions, diagnostics);
  }
}

Status CheckArity(const OpSchema& schema, const ::onnx_wire::NodeProto& node,
                  const std::vector<graph::ValueId>& inputs) {
  const auto outside = [](int count, int least, int most) { return count < least || count > most; };
  if (outside(node.input_size(), schema.min_inputs, schema.max_inputs)) {
    return InvalidArgument(fmt::format("wrong number of inputs: {}, expected {}", node.input_size(),
                                       Bounds(schema.min_inputs, schema.max_inputs)));
  }
  if (outside(node.output_size(), schema.min_outputs, schema.max_outputs)) {
    return InvalidArgument(fmt::format("wrong number of outputs: {}, expected {}",
                                       node.output_size(),
                                       Bounds(schema.min_outputs, schema.max_outputs)));
  }
  const bool variadic = schema.max_inputs == graph::kVariadic;
  const auto needed = variadic ? inputs.size() : static_cast<std::size_t>(schema.min_inputs);
  for (std::size_t i = 0; i < needed; ++i) {
    if (inputs[i] == graph::kNoValue) {
      return InvalidArgument(fmt::format("required input {} is left out", i));
    }
  }
  for (int i = 0; i < schema.min_outputs; ++i) {
    if (node.output(i).empty()) {
      return InvalidArgument(fmt::format("required output {} is left out", i));
    }
  }
  return {};
}

StatusOr<graph::Attributes> BindAttributes(const BoundOperator& op, const AttributeMap& attributes,
                                           std::string_view label, TensorReader& tensors,
                                           Diagnostics& diagnostics) {
  graph::Attributes bound;
  HADRON_RETURN_IF_ERROR(CheckRequired(op, attributes));
  for (const auto& [name, attribute] : attributes) {
    const AttributeSpec* spec = FindSpec(op, name);
    if (spec == nullptr || spec->type == AttributeType::kGraph) {
      diagnostics.AddUnsupported(
          fmt::format("attribute {} of operator {}.{} version {}", Quote(name),
                      DomainName(op.schema->domain), op.schema->name, op.version),
          label);
      continue;
    }
    if (KindOf(*attribute) != spec->type) {
      return InvalidArgument(fmt::format("attribute {} has type {}, expected {}", Quote(name),
                                         KindName(*attribute),
                                         graph::AttributeTypeName(spec->type)));
    }
    auto value = ReadAttribute(*attribute, tensors, label);
    if (!value.ok()) {
      HADRON_RETURN_IF_ERROR(diagnostics.Collect(std::move(value).status()));
      continue;
    }
    bound.Set(std::string(name), std::move(value).value());
  }
  return bound;
}

}  // namespace hadron::onnx
