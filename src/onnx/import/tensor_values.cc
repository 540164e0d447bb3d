#include "onnx/import/tensor_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "onnx.pb.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::IoBuf;
using base::Status;
using base::StatusOr;
using tensor::DataType;

struct FieldCount {
  std::string_view name;
  int count;
  std::optional<ValueField> field;  ///< nothing: raw_data
};

/// 2: once in the message and once left in the file.
int RawFields(const ::onnx_wire::TensorProto& tensor) {
  return (tensor.raw_data().empty() ? 0 : 1) + (tensor.has_left_in_file() ? 1 : 0);
}

std::array<FieldCount, 7> CountFields(const ::onnx_wire::TensorProto& tensor) {
  return {{{"raw_data", RawFields(tensor), std::nullopt},
           {"float_data", tensor.float_data_size(), ValueField::kFloat},
           {"int32_data", tensor.int32_data_size(), ValueField::kInt32},
           {"string_data", tensor.string_data_size(), ValueField::kString},
           {"int64_data", tensor.int64_data_size(), ValueField::kInt64},
           {"double_data", tensor.double_data_size(), ValueField::kDouble},
           {"uint64_data", tensor.uint64_data_size(), ValueField::kUint64}}};
}

Status WrongCount(std::string_view what, std::uint64_t have, std::uint64_t need) {
  return InvalidArgument(
      fmt::format("it has {} {}, its shape and type need exactly {}", have, what, need));
}

}  // namespace

Status CheckRawBytes(std::uint64_t have, DataType type, std::uint64_t elements) {
  const std::uint64_t need = elements * tensor::ElementSize(type);
  return have == need ? Status() : WrongCount("bytes of raw_data", have, need);
}

namespace {

/// Copies typed values into the tensor's own element type; a value that does not fit is an error,
/// not a wrap-around.
template <typename To, typename Values>
StatusOr<IoBuf> Narrow(const Values& values, std::uint64_t elements) {
  if (static_cast<std::uint64_t>(values.size()) != elements) {
    return WrongCount("values", static_cast<std::uint64_t>(values.size()), elements);
  }
  std::vector<std::byte> bytes(elements * sizeof(To));
  std::byte* to = bytes.data();
  for (const auto value : values) {
    if constexpr (std::is_integral_v<To>) {
      if (!std::in_range<To>(value)) {
        return InvalidArgument(fmt::format("the value {} does not fit its type", value));
      }
    }
    base::StoreLe(to, static_cast<To>(value));
    to += sizeof(To);
  }
  return IoBuf::FromVector(std::move(bytes));
}

/// Any non-zero byte is true in the file; in Hadron true is 1.
void NormaliseBools(std::string& bytes) {
  for (char& c : bytes) c = c == 0 ? 0 : 1;
}

StatusOr<IoBuf> TakeRaw(::onnx_wire::TensorProto& tensor, DataType type, std::uint64_t elements) {
  std::string& raw = *tensor.mutable_raw_data();
  HADRON_RETURN_IF_ERROR(CheckRawBytes(raw.size(), type, elements));
  if (type == DataType::kBool) NormaliseBools(raw);
  return IoBuf::FromString(std::move(raw));
}

StatusOr<IoBuf> NarrowInt32(const ::onnx_wire::TensorProto& tensor, DataType type,
                            std::uint64_t elements) {
  const auto& values = tensor.int32_data();
  switch (type) {
    case DataType::kUint8:
      return Narrow<std::uint8_t>(values, elements);
    case DataType::kInt8:
      return Narrow<std::int8_t>(values, elements);
    case DataType::kInt16:
      return Narrow<std::int16_t>(values, elements);
    case DataType::kInt32:
      return Narrow<std::int32_t>(values, elements);
    case DataType::kBool: {
      std::vector<std::uint8_t> bools(static_cast<std::size_t>(values.size()));
      std::ranges::transform(values, bools.begin(), [](std::int32_t v) { return v == 0 ? 0 : 1; });
      return Narrow<std::uint8_t>(bools, elements);
    }
    default:
      return Narrow<std::uint16_t>(values, elements);  // UINT16 and 16-bit float patterns
  }
}

}  // namespace

StatusOr<tensor::Shape> ReadShape(const ::onnx_wire::TensorProto& tensor, int max_rank) {
  if (tensor.dims_size() > max_rank) {
    return InvalidArgument(
        fmt::format("it has {} dimensions, at most {} are allowed", tensor.dims_size(), max_rank));
  }
  tensor::Shape shape(std::vector<std::int64_t>(tensor.dims().begin(), tensor.dims().end()));
  for (const std::int64_t dim : shape) {
    if (dim < 0) return InvalidArgument(fmt::format("negative dimension {}", dim));
  }
  // The widest element decides, so that no later product of dimensions and bytes overflows.
  if (!shape.CheckedBytes(DataType::kFp64)) {
    return InvalidArgument(
        fmt::format("the product of its dimensions {} overflows", shape.ToString()));
  }
  return shape;
}

Status CheckValueFields(const ::onnx_wire::TensorProto& tensor, ElementType element,
                        std::string_view why_none) {
  int filled = 0;
  for (const FieldCount& row : CountFields(tensor)) {
    if (row.count == 0) continue;
    if (!why_none.empty()) {
      return InvalidArgument(fmt::format("{}, but there are values in {}", why_none, row.name));
    }
    const bool raw_string = !row.field && element.type == DataType::kString;
    if (raw_string || (row.field && *row.field != element.field)) {
      return InvalidArgument(fmt::format("its values are in {}, which is wrong for its type {}",
                                         row.name, tensor::DataTypeName(element.type)));
    }
    if (++filled > 1 || (!row.field && row.count > 1))
      return InvalidArgument("more than one field holds its values");
  }
  return {};
}

StatusOr<IoBuf> TakeValues(::onnx_wire::TensorProto& tensor, ElementType element,
                           std::uint64_t elements) {
  if (!tensor.raw_data().empty()) return TakeRaw(tensor, element.type, elements);
  switch (element.field) {
    case ValueField::kFloat:
      return Narrow<float>(tensor.float_data(), elements);
    case ValueField::kDouble:
      return Narrow<double>(tensor.double_data(), elements);
    case ValueField::kInt64:
      return Narrow<std::int64_t>(tensor.int64_data(), elements);
    case ValueField::kUint64:
      return element.type == DataType::kUint32
                 ? Narrow<std::uint32_t>(tensor.uint64_data(), elements)
                 : Narrow<std::uint64_t>(tensor.uint64_data(), elements);
    default:
      return NarrowInt32(tensor, element.type, elements);
  }
}

}  // namespace hadron::onnx
