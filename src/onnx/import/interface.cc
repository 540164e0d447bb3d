#include "onnx/import/interface.h"

#include <fmt/format.h>

#include <unordered_set>
#include <utility>

#include "onnx.pb.h"
#include "onnx/wire/element_type.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;
using graph::Dim;
using graph::kNoValue;
using graph::SymbolicShape;
using graph::ValueId;
using tensor::DataType;

Status CheckPublicName(const std::string& name, std::string_view what) {
  if (name.empty()) return InvalidArgument(fmt::format("the graph has an {} without a name", what));
  if (!IsUtf8(name)) {
    return InvalidArgument(fmt::format("{} {}: its name is not UTF-8", what, Quote(name)));
  }
  return {};
}

std::string_view KindOfType(const ::onnx_wire::TypeProto& type) {
  switch (type.value_case()) {
    case ::onnx_wire::TypeProto::kSequenceType:
      return "sequence";
    case ::onnx_wire::TypeProto::kMapType:
      return "map";
    case ::onnx_wire::TypeProto::kOpaqueType:
      return "opaque";
    case ::onnx_wire::TypeProto::kSparseTensorType:
      return "sparse tensor";
    case ::onnx_wire::TypeProto::kOptionalType:
      return "optional";
    default:
      return "";
  }
}

/// The element type of a declared tensor. UNIMPLEMENTED for types that Hadron lacks.
StatusOr<DataType> DeclaredType(const ::onnx_wire::ValueInfoProto& info, std::string_view what) {
  const std::string label = fmt::format("{} {}", what, Quote(info.name()));
  if (const auto kind = KindOfType(info.type()); !kind.empty()) {
    return base::Unimplemented(fmt::format("type {} of {}", kind, label));
  }
  if (!info.type().has_tensor_type()) return InvalidArgument(label + " has no type");
  const std::int32_t code = info.type().tensor_type().elem_type();
  if (!IsElementType(code)) {
    return InvalidArgument(
        fmt::format("{}: element type {} is none that ONNX defines", label, code));
  }
  const DataType type = FindElementType(code).type;
  if (type == DataType::kInvalid) {
    return base::Unimplemented(fmt::format("type {} of {}", ElementTypeName(code), label));
  }
  return type;
}

/// The declared type, kInvalid where the file declares none or one that cannot be compared.
DataType HintedType(const ::onnx_wire::ValueInfoProto& info) {
  return FindElementType(info.type().tensor_type().elem_type()).type;
}

/// Whether the declared dimensions contradict the inferred ones. Only numbers can.
bool Contradicts(const ::onnx_wire::TensorShapeProto& declared, const SymbolicShape& inferred) {
  if (static_cast<std::size_t>(declared.dim_size()) != inferred.size()) return true;
  for (std::size_t i = 0; i < inferred.size(); ++i) {
    const auto& dim = declared.dim(static_cast<int>(i));
    const bool number = dim.has_dim_value() && dim.dim_value() >= 0;
    if (number && inferred[i].known() && inferred[i].value() != dim.dim_value()) return true;
  }
  return false;
}

Status CheckTypeHint(const ::onnx_wire::ValueInfoProto& info, const graph::Value& value,
                     std::string_view what) {
  const DataType declared = HintedType(info);
  if (declared == DataType::kInvalid || value.type == DataType::kInvalid) return {};
  if (declared == value.type) return {};
  return InvalidArgument(fmt::format("{} {} is declared as {}, but the model computes {}", what,
                                     Quote(info.name()), tensor::DataTypeName(declared),
                                     tensor::DataTypeName(value.type)));
}

}  // namespace

StatusOr<InterfaceImporter::Defaults> InterfaceImporter::ImportInputs(
    ::onnx_wire::GraphProto& graph, const std::set<std::string>& optional, Scope& scope) {
  HADRON_ASSIGN_OR_RETURN(Defaults defaults, ImportInitializers(graph, optional, scope));
  for (const auto& sparse : graph.sparse_initializer()) {
    const std::string& name = sparse.values().name();
    context_.diagnostics.AddUnsupported("sparse initializer " + Quote(name), "");
    scope.values.emplace(name, context_.graph.AddValue(name));
  }
  std::unordered_set<std::string_view> seen;
  for (const auto& info : graph.input()) {
    HADRON_RETURN_IF_ERROR(CheckPublicName(info.name(), "input"));
    if (!seen.insert(info.name()).second) {
      return InvalidArgument(fmt::format("duplicate input {}", Quote(info.name())));
    }
    const auto it = scope.values.find(info.name());
    if (it == scope.values.end()) {
      HADRON_RETURN_IF_ERROR(ImportInput(info, scope));
    } else {
      HADRON_RETURN_IF_ERROR(CheckTypeHint(info, context_.graph.value(it->second), "initializer"));
    }
  }
  return defaults;
}

StatusOr<InterfaceImporter::Defaults> InterfaceImporter::ImportInitializers(
    ::onnx_wire::GraphProto& graph, const std::set<std::string>& optional, Scope& scope) {
  Defaults defaults;
  for (auto& tensor : *graph.mutable_initializer()) {
    if (tensor.name().empty())
      return InvalidArgument("the graph has an initializer without a name");
    const std::string label = "initializer " + Quote(tensor.name());
    if (scope.values.contains(tensor.name()) || defaults.contains(tensor.name())) {
      return InvalidArgument(fmt::format("duplicate {}", label));
    }
    auto constant = context_.tensors.Read(tensor, tensor.name(), label);
    if (constant.ok() && optional.contains(tensor.name())) {
      defaults.emplace(tensor.name(), *std::move(constant));
      continue;
    }
    ValueId id = kNoValue;
    if (constant.ok()) {
      id = context_.graph.AddConstant(tensor.name(), std::move(constant).value());
    } else {
      Status failure = context_.diagnostics.Collect(std::move(constant).status());
      if (!failure.ok()) return std::move(failure).With(label);
      id = context_.graph.AddValue(tensor.name());
    }
    scope.values.emplace(tensor.name(), id);
  }
  return defaults;
}

Status InterfaceImporter::ImportInput(const ::onnx_wire::ValueInfoProto& info, Scope& scope) {
  DataType type = DataType::kInvalid;
  auto declared = DeclaredType(info, "input");
  if (declared.ok()) {
    type = *declared;
  } else {
    HADRON_RETURN_IF_ERROR(context_.diagnostics.Collect(std::move(declared).status()));
  }
  SymbolicShape shape;
  if (type != DataType::kInvalid) {
    HADRON_ASSIGN_OR_RETURN(shape, ReadInputShape(info));
  }
  scope.values.emplace(info.name(), context_.graph.AddInput(info.name(), type, std::move(shape)));
  return {};
}

StatusOr<Dim> InterfaceImporter::FreeDim(const std::string& symbol) {
  if (const auto it = symbols_.find(symbol); it != symbols_.end()) return it->second;
  if (++free_dims_ > context_.limits.max_symbols) {
    return base::ResourceExhausted(fmt::format("the inputs have more than {} symbolic dimensions",
                                               context_.limits.max_symbols));
  }
  if (symbol.empty()) return context_.graph.FreshSymbol();
  return symbols_.emplace(symbol, context_.graph.Symbol(symbol)).first->second;
}

StatusOr<SymbolicShape> InterfaceImporter::ReadInputShape(const ::onnx_wire::ValueInfoProto& info) {
  const std::string label = "input " + Quote(info.name());
  const auto& type = info.type().tensor_type();
  if (!type.has_shape()) {
    return InvalidArgument(label + " has no shape; its number of dimensions must be declared");
  }
  if (type.shape().dim_size() > context_.limits.max_rank) {
    return InvalidArgument(fmt::format("{} has {} dimensions, at most {} are allowed", label,
                                       type.shape().dim_size(), context_.limits.max_rank));
  }
  SymbolicShape shape;
  for (const auto& dim : type.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      shape.emplace_back(dim.dim_value());
      continue;
    }
    if (dim.has_dim_value() && dim.dim_value() < -1) {
      return InvalidArgument(fmt::format("{}: negative dimension {}", label, dim.dim_value()));
    }
    if (dim.has_dim_value()) {
      context_.diagnostics.Warn(label + ": dimension -1 is taken as unknown");
    }
    HADRON_ASSIGN_OR_RETURN(Dim free, FreeDim(dim.dim_param()));
    shape.push_back(std::move(free));
  }
  const auto elements = graph::Elements(shape);
  // Eight bytes, the widest element: no later product of dimensions and bytes overflows.
  if (!elements || !elements->Times(Dim(8))) {
    return InvalidArgument(label + ": the product of its dimensions overflows");
  }
  return shape;
}

Status InterfaceImporter::ImportOutputs(const ::onnx_wire::GraphProto& graph, const Scope& scope) {
  if (graph.output_size() == 0) return InvalidArgument("the graph has no outputs");
  std::unordered_set<std::string_view> seen;
  for (const auto& info : graph.output()) {
    HADRON_RETURN_IF_ERROR(CheckPublicName(info.name(), "output"));
    if (!seen.insert(info.name()).second) {
      return InvalidArgument(fmt::format("duplicate output {}", Quote(info.name())));
    }
    const auto it = scope.values.find(info.name());
    if (it == scope.values.end() || it->second == kNoValue) {
      return InvalidArgument(
          fmt::format("output {} is not produced by any node", Quote(info.name())));
    }
    if (!KindOfType(info.type()).empty()) {
      HADRON_RETURN_IF_ERROR(context_.diagnostics.Collect(DeclaredType(info, "output").status()));
    }
    context_.graph.AddOutput(info.name(), it->second);
  }
  return {};
}

Status CheckDeclarations(const ::onnx_wire::GraphProto& graph, const Scope& scope,
                         ImportContext context) {
  for (const auto& info : graph.output()) {
    const graph::Value& value = context.graph.value(scope.values.at(info.name()));
    HADRON_RETURN_IF_ERROR(CheckTypeHint(info, value, "output"));
    const auto& declared = info.type().tensor_type();
    if (declared.has_shape() && Contradicts(declared.shape(), value.shape)) {
      context.diagnostics.Warn(
          fmt::format("output {}: its declared shape differs from {}, which the "
                      "model computes",
                      Quote(info.name()), graph::ToString(value.shape)));
    }
  }
  for (const auto& info : graph.value_info()) {
    const auto it = scope.values.find(info.name());
    if (it == scope.values.end() || it->second == kNoValue) continue;
    HADRON_RETURN_IF_ERROR(CheckTypeHint(info, context.graph.value(it->second), "value"));
  }
  return {};
}

}  // namespace hadron::onnx
