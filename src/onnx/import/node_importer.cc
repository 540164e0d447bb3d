#include "onnx/import/node_importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "onnx.pb.h"
#include "onnx/import/constants.h"
#include "onnx/import/operators.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::ResourceExhausted;
using base::Status;
using base::StatusOr;
using graph::kNoValue;
using graph::ValueId;

bool IsConstant(const ::onnx_wire::NodeProto& node) {
  return node.op_type() == "Constant" && NormalDomain(node.domain()).empty();
}

/// Names of nodes serve messages alone: the graph keeps them short and printable.
std::string NameOf(const ::onnx_wire::NodeProto& node, const Scope& scope, std::size_t index) {
  if (!node.name().empty()) return scope.prefix + Printable(node.name());
  return fmt::format("{}{}_{}", scope.prefix, Printable(node.op_type()), index);
}

}  // namespace

Status NodeImporter::Define(Scope& scope, std::string_view name, ValueId value) {
  if (scope.values.emplace(name, value).second) return {};
  return InvalidArgument(fmt::format("duplicate value name {}: it is defined before", Quote(name)));
}

Status NodeImporter::ImportGraph(::onnx_wire::GraphProto& graph, Scope& scope) {
  return ImportNodes(*graph.mutable_node(), scope);
}

template <typename Nodes>
Status NodeImporter::UndefinedInput(const Nodes& nodes, std::string_view name) {
  const bool later = std::ranges::any_of(nodes, [name](const auto& node) {
    return std::ranges::find(node.output(), name) != node.output().end();
  });
  if (later) {
    return InvalidArgument(
        fmt::format("its input {} comes from this node or a later one: the graph has a cycle or is "
                    "not topologically sorted",
                    Quote(name)));
  }
  return InvalidArgument(fmt::format("its input {} is not defined anywhere", Quote(name)));
}

template <typename Nodes>
Status NodeImporter::ImportNodes(Nodes& nodes, Scope& scope) {
  std::size_t index = 0;
  for (auto& proto : nodes) {
    Item item{proto, scope, NameOf(proto, scope, index++), {}, {}, {}};
    item.label = NodeLabel(item.name, proto.op_type());
    for (const std::string& name : proto.input()) {
      const auto it = name.empty() ? scope.values.end() : scope.values.find(name);
      if (!name.empty() && it == scope.values.end()) {
        return UndefinedInput(nodes, name).With(item.label);
      }
      item.inputs.push_back(name.empty() ? kNoValue : it->second);
    }
    Status status = ImportNode(item);
    if (!status.ok()) return status;
  }
  return {};
}

Status NodeImporter::ImportNode(Item& item) {
  if (item.proto.op_type().empty()) return InvalidArgument("it has no op_type").With(item.label);
  auto attributes = ResolveAttributes(item.proto, item.scope.call);
  if (!attributes.ok()) return std::move(attributes).status().With(item.label);
  item.attributes = std::move(attributes).value();
  HADRON_RETURN_IF_ERROR(Charge(item, ItemBytes(item)));
  if (const Function* function = functions_.Find(item.proto)) return ImportCall(item, *function);
  Status status = IsConstant(item.proto) ? ImportConstant(item) : ImportOperator(item);
  return std::move(status).With(item.label);
}

std::uint64_t NodeImporter::ItemBytes(const Item& item) {
  std::uint64_t bytes = item.name.size();
  for (const auto& [name, attribute] : item.attributes) bytes += CopiedBytes(*attribute);
  for (const std::string& name : item.proto.output()) {
    bytes += item.scope.prefix.size() + name.size();
  }
  return bytes;
}

Status NodeImporter::Charge(const Item& item, std::uint64_t bytes) {
  expanded_bytes_ += bytes;
  if (expanded_bytes_ <= context_.limits.max_expanded_bytes) return {};
  return ResourceExhausted(fmt::format("{}: names and attributes of the nodes exceed {} in total",
                                       item.label,
                                       base::HumanBytes(context_.limits.max_expanded_bytes)));
}

StatusOr<std::vector<ValueId>> NodeImporter::DefineOutputs(Item& item) {
  std::vector<ValueId> outputs;
  for (const std::string& name : item.proto.output()) {
    outputs.push_back(kNoValue);
    if (name.empty()) continue;
    outputs.back() = context_.graph.AddValue(item.scope.prefix + name);
    HADRON_RETURN_IF_ERROR(Define(item.scope, name, outputs.back()));
  }
  return outputs;
}

Status NodeImporter::ImportConstant(Item& item) {
  const ::onnx_wire::NodeProto& proto = item.proto;
  if (proto.input_size() != 0 || proto.output_size() != 1 || proto.output(0).empty()) {
    return InvalidArgument(
        fmt::format("wrong number of inputs or outputs: a Constant has 0 and 1, "
                    "not {} and {}",
                    proto.input_size(), proto.output_size()));
  }
  const int opset = item.scope.opsets->VersionOf("");
  if (opset == 0) return InvalidArgument("its domain 'ai.onnx' is not in opset_import");
  OpsetSupported("", opset, item.label, context_.diagnostics);
  std::string name = item.scope.prefix + proto.output(0);
  auto constant = ReadConstantNode(item.attributes, context_.tensors, name, item.label);
  if (!constant.ok()) {
    HADRON_RETURN_IF_ERROR(context_.diagnostics.Collect(std::move(constant).status()));
    return DefineOutputs(item).status();
  }
  const ValueId id = context_.graph.AddConstant(std::move(name), std::move(constant).value());
  return Define(item.scope, proto.output(0), id);
}

Status NodeImporter::ImportOperator(Item& item) {
  HADRON_ASSIGN_OR_RETURN(const BoundOperator op, BindOperator(item.proto, *item.scope.opsets,
                                                               item.label, context_.diagnostics));
  if (op.schema == nullptr) {
    ListSubgraphs(item.proto, *item.scope.opsets, functions_, context_.diagnostics);
    return DefineOutputs(item).status();
  }
  HADRON_RETURN_IF_ERROR(CheckArity(*op.schema, item.proto, item.inputs));
  HADRON_ASSIGN_OR_RETURN(auto attributes, BindAttributes(op, item.attributes, item.label,
                                                          context_.tensors, context_.diagnostics));
  HADRON_ASSIGN_OR_RETURN(auto outputs, DefineOutputs(item));
  graph::Node node;
  node.name = std::move(item.name);
  node.domain = std::string(op.schema->domain);
  node.op_type = std::string(op.schema->name);
  node.schema = op.schema;
  node.since_version = op.version;
  node.attributes = std::move(attributes);
  node.inputs = std::move(item.inputs);
  node.outputs = std::move(outputs);
  context_.graph.nodes().push_back(std::move(node));
  return {};
}

Status NodeImporter::ImportCall(Item& item, const Function& function) {
  Scope inner{.opsets = &function.opsets,
              .call = nullptr,
              .prefix = fmt::format("{}#{}/", Printable(function.proto->name()), calls_++),
              .values = {}};
  // Every call binds all of these names anew.
  constexpr std::uint64_t kBindingBytes = 64;
  const std::uint64_t bindings =
      static_cast<std::uint64_t>(function.proto->input_size()) + function.attributes.size();
  HADRON_RETURN_IF_ERROR(Charge(item, bindings * kBindingBytes));
  AttributeMap attributes;
  Status bound = BindCall(item, function, inner, attributes);
  if (!bound.ok()) return std::move(bound).With(item.label);
  inner.call = &attributes;
  Status body = ImportNodes(*function.proto->mutable_node(), inner);
  if (!body.ok()) return std::move(body).With("in " + FunctionLabel(*function.proto));
  return TakeOutputs(item, function, inner).With(item.label);
}

Status NodeImporter::BindCall(const Item& item, const Function& function, Scope& inner,
                              AttributeMap& attributes) {
  const auto& formals = function.proto->input();
  if (item.proto.input_size() > formals.size() ||
      item.proto.output_size() > function.proto->output_size()) {
    return InvalidArgument(
        fmt::format("wrong number of inputs or outputs: {} and {}, {} has {} and {}",
                    item.proto.input_size(), item.proto.output_size(),
                    FunctionLabel(*function.proto), formals.size(), function.proto->output_size()));
  }
  for (int i = 0; i < formals.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    HADRON_RETURN_IF_ERROR(
        Define(inner, formals.Get(i), at < item.inputs.size() ? item.inputs[at] : kNoValue));
  }
  attributes.insert(function.attributes.begin(), function.attributes.end());
  for (const auto& [name, attribute] : item.attributes) {
    const auto it = attributes.find(name);
    if (it == attributes.end()) {
      return InvalidArgument(
          fmt::format("{} has no attribute {}", FunctionLabel(*function.proto), Quote(name)));
    }
    it->second = attribute;
  }
  return {};
}

Status NodeImporter::TakeOutputs(Item& item, const Function& function, const Scope& inner) {
  for (int i = 0; i < item.proto.output_size(); ++i) {
    const std::string& name = item.proto.output(i);
    if (name.empty()) continue;
    const std::string& formal = function.proto->output(i);
    const auto it = inner.values.find(formal);
    if (it == inner.values.end()) {
      return InvalidArgument(fmt::format("{} never produces its output {}",
                                         FunctionLabel(*function.proto), Quote(formal)));
    }
    HADRON_RETURN_IF_ERROR(Define(item.scope, name, it->second));
  }
  return {};
}

}  // namespace hadron::onnx
