#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/infer.h"
#include "graph/op_schema.h"

/// What the operator families share: type lists, checks, legalisation steps. Private to graph/ops.
namespace hadron::graph {

inline constexpr std::initializer_list<tensor::DataType> kFloatTypes = {
    tensor::DataType::kFp32, tensor::DataType::kFp64, tensor::DataType::kFp16,
    tensor::DataType::kBf16};
inline constexpr std::initializer_list<tensor::DataType> kNumberTypes = {
    tensor::DataType::kFp32,   tensor::DataType::kFp64,   tensor::DataType::kFp16,
    tensor::DataType::kBf16,   tensor::DataType::kInt8,   tensor::DataType::kInt16,
    tensor::DataType::kInt32,  tensor::DataType::kInt64,  tensor::DataType::kUint8,
    tensor::DataType::kUint16, tensor::DataType::kUint32, tensor::DataType::kUint64};
inline constexpr std::initializer_list<tensor::DataType> kIndexTypes = {tensor::DataType::kInt64,
                                                                        tensor::DataType::kInt32};

/// Largest tensor an operator may produce: no machine holds more, and sizes stay far from overflow.
inline constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{1} << 40;

/// Sets output i; INVALID_ARGUMENT when its size overflows or exceeds kMaxTensorBytes.
base::Status SetOutput(InferContext& c, std::size_t i, tensor::DataType type, SymbolicShape shape);

/// INVALID_ARGUMENT when an input is left out that the canonical form needs: operators whose
/// attributes became inputs state fewer than they need.
base::Status RequireInput(const InferContext& c, std::size_t i, std::string_view name);
/// INVALID_ARGUMENT unless input i has a rank in [least, most].
base::Status RequireRank(const InferContext& c, std::size_t i, std::int64_t least,
                         std::int64_t most);
/// INVALID_ARGUMENT unless input i is 1-D with `size` elements (symbols match anything).
base::Status RequireVector(const InferContext& c, std::size_t i, const Dim& size);
/// INVALID_ARGUMENT when both are numbers and differ; `what` says what they are.
base::Status RequireEqual(const InferContext& c, const Dim& a, const Dim& b, std::string_view what);
/// INVALID_ARGUMENT unless input i broadcasts to `target` without changing it.
base::Status RequireBroadcastsTo(const InferContext& c, std::size_t i, const SymbolicShape& target);
/// The one that is a number, if any.
const Dim& Known(const Dim& a, const Dim& b);

/// a + b, nothing when that is no Dim or overflows.
std::optional<Dim> Sum(const Dim& a, const Dim& b);
/// The product, a new symbol when it is no Dim; INVALID_ARGUMENT on overflow.
base::StatusOr<Dim> Product(InferContext& c, std::span<const Dim> dims);

/// Axes normalised to [0, rank); INVALID_ARGUMENT for repeated ones.
base::StatusOr<std::vector<std::int64_t>> NormaliseAxes(const InferContext& c,
                                                        std::span<const std::int64_t> axes,
                                                        std::int64_t rank);
/// The vector of integers that an input must be: INVALID_ARGUMENT when it is left out,
/// UNIMPLEMENTED when it is computed from data. `name` is for the message.
base::StatusOr<std::vector<std::int64_t>> RequireInts(const InferContext& c, std::size_t i,
                                                      std::string_view name);

/// The type with this number in ONNX files, nothing for those Hadron lacks.
std::optional<tensor::DataType> TypeFromOnnx(std::int64_t code);

/// Legalisation: attributes that became inputs.
void SetInput(Node& node, std::size_t i, ValueId value);
ValueId AddInts(Graph& graph, const Node& node, std::string_view name,
                std::span<const std::int64_t> values);
ValueId AddFloats(Graph& graph, const Node& node, std::string_view name,
                  std::span<const float> values, tensor::Shape shape);
/// Moves an INTS attribute, if present, to input i.
void IntsToInput(Graph& graph, Node& node, std::string_view attribute, std::size_t i);

}  // namespace hadron::graph
