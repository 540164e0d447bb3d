#include "graph/constant.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "tensor/half.h"

namespace hadron::graph {
namespace {

using base::IoBuf;
using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;

template <typename T>
void Widen(std::span<const std::byte> bytes, auto& out) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    const T value = base::LoadLe<T>(bytes.data() + at);
    out.push_back(static_cast<typename std::decay_t<decltype(out)>::value_type>(value));
  }
}

/// False for types that are no integers.
bool WidenIntegers(DataType type, std::span<const std::byte> bytes, auto& out) {
  switch (type) {
    case DataType::kBool:
    case DataType::kUint8:
      Widen<std::uint8_t>(bytes, out);
      return true;
    case DataType::kUint16:
      Widen<std::uint16_t>(bytes, out);
      return true;
    case DataType::kUint32:
      Widen<std::uint32_t>(bytes, out);
      return true;
    case DataType::kUint64:
      Widen<std::uint64_t>(bytes, out);
      return true;
    case DataType::kInt8:
      Widen<std::int8_t>(bytes, out);
      return true;
    case DataType::kInt16:
      Widen<std::int16_t>(bytes, out);
      return true;
    case DataType::kInt32:
      Widen<std::int32_t>(bytes, out);
      return true;
    case DataType::kInt64:
      Widen<std::int64_t>(bytes, out);
      return true;
    default:
      return false;
  }
}

bool WidenFloats(DataType type, std::span<const std::byte> bytes, std::vector<double>& out) {
  switch (type) {
    case DataType::kFp32:
      Widen<float>(bytes, out);
      return true;
    case DataType::kFp64:
      Widen<double>(bytes, out);
      return true;
    case DataType::kFp16:
    case DataType::kBf16:
      for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2) {
        const auto bits = base::LoadLe<std::uint16_t>(bytes.data() + at);
        out.push_back(static_cast<double>(type == DataType::kFp16 ? tensor::HalfToFloat(bits)
                                                                  : tensor::Bf16ToFloat(bits)));
      }
      return true;
    default:
      return false;
  }
}

Status WrongType(const tensor::TensorDesc& desc, std::string_view wanted) {
  return base::InvalidArgument(fmt::format("tensor '{}' has type {}, expected {}", desc.name,
                                           tensor::DataTypeName(desc.type), wanted));
}

}  // namespace

ConstantRef Constant::FromTensor(HostTensor tensor) {
  auto constant = std::shared_ptr<Constant>(new Constant);  // NOLINT: private constructor
  constant->desc_ = std::move(tensor.desc);
  constant->bytes_ = tensor.bytes.Flatten();
  return constant;
}

ConstantRef Constant::FromInts(std::string name, std::span<const std::int64_t> values,
                               tensor::Shape shape) {
  HADRON_CHECK(shape.elements() == static_cast<std::int64_t>(values.size()));
  return FromTensor(
      {{std::move(name), DataType::kInt64, std::move(shape)}, IoBuf::Copy(std::as_bytes(values))});
}

ConstantRef Constant::FromFloats(std::string name, std::span<const float> values,
                                 tensor::Shape shape) {
  HADRON_CHECK(shape.elements() == static_cast<std::int64_t>(values.size()));
  return FromTensor(
      {{std::move(name), DataType::kFp32, std::move(shape)}, IoBuf::Copy(std::as_bytes(values))});
}

ConstantRef Constant::Deferred(tensor::TensorDesc desc, std::vector<ConstantRef> operands,
                               Expression expression) {
  auto constant = std::shared_ptr<Constant>(new Constant);  // NOLINT: private constructor
  constant->desc_ = std::move(desc);
  for (const ConstantRef& operand : operands) {
    constant->order_ = std::max(constant->order_, operand->order());
  }
  constant->operands_ = std::move(operands);
  constant->expression_ = std::move(expression);
  return constant;
}

ConstantRef Constant::Stored(tensor::TensorDesc desc, std::uint64_t order, Reader read) {
  auto constant = std::shared_ptr<Constant>(new Constant);  // NOLINT: private constructor
  constant->desc_ = std::move(desc);
  constant->order_ = order;
  constant->expression_ = [read = std::move(read)](std::span<const HostTensor>) { return read(); };
  return constant;
}

std::uint64_t Constant::byte_size() const {
  if (desc_.type == DataType::kString) return bytes_.size();
  return desc_.shape.CheckedBytes(desc_.type).value_or(0);
}

StatusOr<HostTensor> Constant::Evaluate() const {
  if (!deferred()) return HostTensor{desc_, bytes_};
  std::vector<HostTensor> values;
  values.reserve(operands_.size());
  for (const ConstantRef& operand : operands_) {
    HADRON_ASSIGN_OR_RETURN(values.emplace_back(), operand->Evaluate());
  }
  HADRON_ASSIGN_OR_RETURN(IoBuf bytes, expression_(values));
  if (desc_.type != DataType::kString && bytes.size() != byte_size()) {
    return base::Internal(fmt::format("constant '{}' evaluated to {} bytes, expected {}",
                                      desc_.name, bytes.size(), byte_size()));
  }
  return HostTensor{desc_, bytes.Flatten()};
}

StatusOr<std::vector<std::int64_t>> Constant::Ints() const {
  HADRON_ASSIGN_OR_RETURN(const HostTensor value, Evaluate());
  std::vector<std::int64_t> out;
  if (!WidenIntegers(desc_.type, value.bytes.bytes(), out)) {
    return WrongType(desc_, "an integer type");
  }
  return out;
}

StatusOr<std::vector<double>> Constant::Doubles() const {
  HADRON_ASSIGN_OR_RETURN(const HostTensor value, Evaluate());
  std::vector<double> out;
  const auto bytes = value.bytes.bytes();
  if (!WidenIntegers(desc_.type, bytes, out) && !WidenFloats(desc_.type, bytes, out)) {
    return WrongType(desc_, "a numeric type");
  }
  return out;
}

}  // namespace hadron::graph
