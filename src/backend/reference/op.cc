#include "backend/reference/op.h"

#include <fmt/format.h>

#include <cstring>

#include "tensor/half.h"

namespace hadron::backend::reference {

using tensor::DataType;

#define HADRON_OP_FAMILY(Name) void RegisterReference##Name(RefRegistry&);
#include "graph/ops/ops.inc"
#undef HADRON_OP_FAMILY

RefRegistry::RefRegistry() {
#define HADRON_OP_FAMILY(Name) RegisterReference##Name(*this);
#include "graph/ops/ops.inc"
#undef HADRON_OP_FAMILY
}

const RefRegistry& RefRegistry::Get() {
  static const RefRegistry registry;
  return registry;
}

RefFunction RefRegistry::Find(std::string_view domain, std::string_view op_type) const {
  if (domain == "ai.onnx") domain = "";
  for (const Row& row : rows_) {
    if (row.op_type == op_type && row.domain == domain) return row.function;
  }
  return nullptr;
}

void RefRegistry::Add(std::string_view domain, std::string_view op_type, RefFunction function) {
  rows_.push_back({domain, op_type, function});
}

std::vector<double> ToDoubles(const RefTensor& tensor) {
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(tensor.elements()));
  if (tensor.type == DataType::kFp16) {
    for (const auto bits : tensor.as<std::uint16_t>()) {
      out.push_back(static_cast<double>(tensor::HalfToFloat(bits)));
    }
  } else if (tensor.type == DataType::kBf16) {
    for (const auto bits : tensor.as<std::uint16_t>()) {
      out.push_back(static_cast<double>(tensor::Bf16ToFloat(bits)));
    }
  } else {
    DispatchNumeric(tensor.type, [&](auto zero) {
      for (const auto v : tensor.as<decltype(zero)>()) out.push_back(static_cast<double>(v));
    });
  }
  return out;
}

void FromDoubles(std::span<const double> values, RefTensor& tensor) {
  if (tensor.type == DataType::kFp16 || tensor.type == DataType::kBf16) {
    const auto out = tensor.as<std::uint16_t>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<float>(values[i]);
      out[i] =
          tensor.type == DataType::kFp16 ? tensor::FloatToHalf(value) : tensor::FloatToBf16(value);
    }
    return;
  }
  DispatchNumeric(tensor.type, [&](auto zero) {
    using T = decltype(zero);
    const auto out = tensor.as<T>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_integral_v<T>) {
        out[i] = SaturateCast<T>(values[i]);
      } else {
        out[i] = static_cast<T>(values[i]);
      }
    }
  });
}

StridedIndex::StridedIndex(const tensor::Shape& target, std::vector<std::int64_t> source_strides,
                           std::int64_t offset)
    : target_strides_(target.Strides()),
      source_strides_(std::move(source_strides)),
      offset_(offset) {}

std::size_t StridedIndex::operator()(std::size_t i) const {
  auto rest = static_cast<std::int64_t>(i);
  std::int64_t index = offset_;
  for (std::size_t axis = 0; axis < target_strides_.size(); ++axis) {
    index += rest / target_strides_[axis] * source_strides_[axis];
    rest %= target_strides_[axis];
  }
  return static_cast<std::size_t>(index);
}

namespace {

/// No step along the axes that the source lacks or has once.
std::vector<std::int64_t> BroadcastStrides(const tensor::Shape& from, const tensor::Shape& to) {
  std::vector<std::int64_t> out(to.rank(), 0);
  const auto strides = from.Strides();
  const std::size_t shift = to.rank() - from.rank();
  for (std::size_t i = 0; i < from.rank(); ++i) {
    if (from[i] != 1) out[i + shift] = strides[i];
  }
  return out;
}

}  // namespace

BroadcastIndex::BroadcastIndex(const tensor::Shape& from, const tensor::Shape& to)
    : StridedIndex(to, BroadcastStrides(from, to)) {}

void CopyElement(const RefTensor& from, std::size_t from_index, RefTensor& to,
                 std::size_t to_index) {
  if (from.type == DataType::kString) {
    to.strings[to_index] = from.strings[from_index];
    return;
  }
  const std::size_t size = tensor::ElementSize(from.type);
  std::memcpy(to.bytes.data() + to_index * size, from.bytes.data() + from_index * size, size);
}

void CopyAll(const RefTensor& from, RefTensor& to) {
  to.bytes = from.bytes;
  to.strings = from.strings;
}

std::vector<std::int64_t> ToInts(const RefTensor& tensor) {
  std::vector<std::int64_t> out;
  DispatchNumeric(tensor.type, [&](auto zero) {
    for (const auto v : tensor.as<decltype(zero)>()) out.push_back(static_cast<std::int64_t>(v));
  });
  return out;
}

base::Status UnsupportedType(const RefCall& call, DataType type) {
  return base::Unimplemented(
      fmt::format("{}: type {} is not supported", call.node.Label(), tensor::DataTypeName(type)));
}

}  // namespace hadron::backend::reference
