#include "graph/ops/util.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"

namespace hadron::graph {

using base::Status;
using base::StatusOr;
using tensor::DataType;

Status SetOutput(InferContext& c, std::size_t i, DataType type, SymbolicShape shape) {
  if (FullyKnown(shape)) {
    const auto bytes =
        ToShape(shape).CheckedBytes(type == DataType::kString ? DataType::kInt64 : type);
    if (!bytes || *bytes > kMaxTensorBytes) {
      return c.Invalid(fmt::format("the output of shape {} is too large", ToString(shape)));
    }
  }
  c.SetOutput(i, type, std::move(shape));
  return {};
}

Status RequireInput(const InferContext& c, std::size_t i, std::string_view name) {
  if (c.has_input(i)) return {};
  return c.Invalid(fmt::format("required input {} ('{}') is left out", i, name));
}

Status RequireRank(const InferContext& c, std::size_t i, std::int64_t least, std::int64_t most) {
  const std::int64_t rank = c.rank(i);
  if (rank >= least && rank <= most) return {};
  const std::string allowed =
      least == most ? fmt::format("{}", least) : fmt::format("{}..{}", least, most);
  return c.Invalid(fmt::format("input {} of shape {} has rank {}, expected {}", i,
                               ToString(c.shape(i)), rank, allowed));
}

Status RequireVector(const InferContext& c, std::size_t i, const Dim& size) {
  HADRON_RETURN_IF_ERROR(RequireRank(c, i, 1, 1));
  return RequireEqual(c, c.shape(i)[0], size, fmt::format("elements of input {}", i));
}

Status RequireEqual(const InferContext& c, const Dim& a, const Dim& b, std::string_view what) {
  if (!a.known() || !b.known() || a == b) return {};
  return c.Invalid(fmt::format("{}: {} given, {} expected", what, a.value(), b.value()));
}

Status RequireBroadcastsTo(const InferContext& c, std::size_t i, const SymbolicShape& target) {
  const SymbolicShape& shape = c.shape(i);
  if (shape.size() > target.size()) {
    return c.Invalid(fmt::format("input {} of shape {} does not broadcast to {}", i,
                                 ToString(shape), ToString(target)));
  }
  for (std::size_t k = 0; k < shape.size(); ++k) {
    const Dim& dim = shape[shape.size() - 1 - k];
    if (dim == Dim(1)) continue;
    HADRON_RETURN_IF_ERROR(RequireEqual(c, dim, target[target.size() - 1 - k],
                                        fmt::format("a dimension of input {}", i)));
  }
  return {};
}

const Dim& Known(const Dim& a, const Dim& b) { return a.known() ? a : b; }

std::optional<Dim> Sum(const Dim& a, const Dim& b) {
  if (a == Dim(0)) return b;
  if (b == Dim(0)) return a;
  if (a.symbols() != b.symbols()) return std::nullopt;
  const auto sum = base::CheckedAdd(a.coefficient(), b.coefficient());
  if (!sum) return std::nullopt;
  // Equal symbols: the coefficients add up, as in batch + 2*batch.
  Dim unit(1);
  for (const SymbolId id : a.symbols()) unit = *unit.Times(Dim::Symbol(id));
  return Dim(*sum).Times(unit);
}

StatusOr<Dim> Product(InferContext& c, std::span<const Dim> dims) {
  Dim product(1);
  for (const Dim& dim : dims) {
    const auto next = product.Times(dim);
    if (!next) return c.Invalid("the number of elements of an input overflows");
    product = *next;
  }
  return product;
}

StatusOr<std::vector<std::int64_t>> NormaliseAxes(const InferContext& c,
                                                  std::span<const std::int64_t> axes,
                                                  std::int64_t rank) {
  std::vector<std::int64_t> out;
  for (const std::int64_t axis : axes) {
    HADRON_ASSIGN_OR_RETURN(const std::int64_t normal, c.Axis(axis, rank));
    if (std::ranges::find(out, normal) != out.end()) {
      return c.Invalid(fmt::format("axis {} is given twice", axis));
    }
    out.push_back(normal);
  }
  return out;
}

StatusOr<std::vector<std::int64_t>> RequireInts(const InferContext& c, std::size_t i,
                                                std::string_view name) {
  HADRON_RETURN_IF_ERROR(RequireInput(c, i, name));
  HADRON_RETURN_IF_ERROR(c.RequireType(i, kIndexTypes));
  HADRON_RETURN_IF_ERROR(RequireRank(c, i, 0, 1));
  if (auto values = c.ints(i)) return std::move(*values);
  return c.Unsupported(fmt::format("input {} ('{}') must not depend on the data", i, name));
}

std::optional<DataType> TypeFromOnnx(std::int64_t code) {
  switch (code) {
    case 1:
      return DataType::kFp32;
    case 2:
      return DataType::kUint8;
    case 3:
      return DataType::kInt8;
    case 4:
      return DataType::kUint16;
    case 5:
      return DataType::kInt16;
    case 6:
      return DataType::kInt32;
    case 7:
      return DataType::kInt64;
    case 8:
      return DataType::kString;
    case 9:
      return DataType::kBool;
    case 10:
      return DataType::kFp16;
    case 11:
      return DataType::kFp64;
    case 12:
      return DataType::kUint32;
    case 13:
      return DataType::kUint64;
    case 16:
      return DataType::kBf16;
    default:
      return std::nullopt;
  }
}

void SetInput(Node& node, std::size_t i, ValueId value) {
  if (node.inputs.size() <= i) node.inputs.resize(i + 1, kNoValue);
  node.inputs[i] = value;
}

ValueId AddInts(Graph& graph, const Node& node, std::string_view name,
                std::span<const std::int64_t> values) {
  std::string full = fmt::format("{}/{}", node.name, name);
  const tensor::Shape shape({static_cast<std::int64_t>(values.size())});
  return graph.AddConstant(full, Constant::FromInts(full, values, shape));
}

ValueId AddFloats(Graph& graph, const Node& node, std::string_view name,
                  std::span<const float> values, tensor::Shape shape) {
  std::string full = fmt::format("{}/{}", node.name, name);
  return graph.AddConstant(full, Constant::FromFloats(full, values, std::move(shape)));
}

void IntsToInput(Graph& graph, Node& node, std::string_view attribute, std::size_t i) {
  if (!node.attributes.Has(attribute)) return;
  SetInput(node, i, AddInts(graph, node, attribute, node.attributes.Ints(attribute)));
  node.attributes.Erase(attribute);
}

}  // namespace hadron::graph
