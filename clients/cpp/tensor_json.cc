#include "cpp/tensor_json.h"

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

#include "base/bytes.h"
#include "tensor/half.h"

namespace hadron::client {
namespace {

using tensor::DataType;

/// BOOL and the 16-bit floats as types of their own, so that one template serves all datatypes. A
/// byte from a server may be neither 0 nor 1, which a bool may not.
struct Bool {
  std::uint8_t byte;
  explicit operator double() const { return byte != 0 ? 1.0 : 0.0; }
};
struct Fp16 {
  std::uint16_t bits;
  explicit operator double() const { return static_cast<double>(tensor::HalfToFloat(bits)); }
};
struct Bf16 {
  std::uint16_t bits;
  explicit operator double() const { return static_cast<double>(tensor::Bf16ToFloat(bits)); }
};

template <typename F>
bool Dispatch(DataType type, F&& f) {
  switch (type) {
    case DataType::kBool:
      f(Bool{});
      return true;
    case DataType::kUint8:
      f(std::uint8_t{});
      return true;
    case DataType::kUint16:
      f(std::uint16_t{});
      return true;
    case DataType::kUint32:
      f(std::uint32_t{});
      return true;
    case DataType::kUint64:
      f(std::uint64_t{});
      return true;
    case DataType::kInt8:
      f(std::int8_t{});
      return true;
    case DataType::kInt16:
      f(std::int16_t{});
      return true;
    case DataType::kInt32:
      f(std::int32_t{});
      return true;
    case DataType::kInt64:
      f(std::int64_t{});
      return true;
    case DataType::kFp16:
      f(Fp16{});
      return true;
    case DataType::kFp32:
      f(float{});
      return true;
    case DataType::kFp64:
      f(double{});
      return true;
    case DataType::kBf16:
      f(Bf16{});
      return true;
    default:
      return false;
  }
}

template <typename T>
void Append(T value, std::vector<std::byte>& bytes) {
  bytes.resize(bytes.size() + sizeof(T));
  base::StoreLe(bytes.data() + bytes.size() - sizeof(T), value);
}

template <typename T>
bool AppendNumber(double value, std::vector<std::byte>& bytes) {
  if constexpr (std::is_same_v<T, Bool>) {
    if (value != 0 && value != 1) return false;
    Append(Bool{static_cast<std::uint8_t>(value)}, bytes);
  } else if constexpr (std::is_same_v<T, Fp16>) {
    Append(tensor::FloatToHalf(static_cast<float>(value)), bytes);
  } else if constexpr (std::is_same_v<T, Bf16>) {
    Append(tensor::FloatToBf16(static_cast<float>(value)), bytes);
  } else if constexpr (std::is_floating_point_v<T>) {
    Append(static_cast<T>(value), bytes);
  } else {
    // 2^63 and 2^64 are the first doubles that no longer fit; the largest integers are none.
    const double lowest = static_cast<double>(std::numeric_limits<T>::lowest());
    const double above = std::ldexp(1.0, std::numeric_limits<T>::digits);
    if (!(value >= lowest && value < above) || value != std::trunc(value)) return false;
    Append(static_cast<T>(value), bytes);
  }
  return true;
}

template <typename T>
bool AppendJson(const json::Value& value, std::vector<std::byte>& bytes) {
  if constexpr (std::is_same_v<T, Bool>) {
    if (const auto flag = value.AsBool()) {
      Append(Bool{*flag ? std::uint8_t{1} : std::uint8_t{0}}, bytes);
      return true;
    }
  } else if constexpr (std::unsigned_integral<T>) {
    const auto whole = value.AsUint64();
    if (!whole || *whole > std::numeric_limits<T>::max()) return false;
    Append(static_cast<T>(*whole), bytes);
    return true;
  } else if constexpr (std::signed_integral<T>) {
    const auto whole = value.AsInt64();
    if (!whole || *whole < std::numeric_limits<T>::min() || *whole > std::numeric_limits<T>::max())
      return false;
    Append(static_cast<T>(*whole), bytes);
    return true;
  }
  const auto number = value.AsDouble();
  return number && AppendNumber<T>(*number, bytes);
}

base::Status Collect(const json::Value& value, DataType type, TensorData& data) {
  if (const json::Array* array = value.AsArray()) {
    for (const json::Value& element : *array) {
      HADRON_RETURN_IF_ERROR(Collect(element, type, data));
    }
    return {};
  }
  bool fits = false;
  if (type == DataType::kString) {
    const std::string* text = value.AsString();
    fits = text != nullptr;
    if (fits) data.strings.push_back(*text);
  } else {
    Dispatch(type, [&](auto zero) { fits = AppendJson<decltype(zero)>(value, data.bytes); });
  }
  if (fits) return {};
  return base::InvalidArgument(
      fmt::format("an element of the data is no {}", tensor::DataTypeName(type)));
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", value);
}

}  // namespace

base::StatusOr<TensorData> TensorFromJson(const json::Value& data, DataType type) {
  if (data.AsArray() == nullptr) return base::InvalidArgument("the data is no array");
  TensorData result;
  HADRON_RETURN_IF_ERROR(Collect(data, type, result));
  return result;
}

std::string ElementText(const std::vector<std::byte>& bytes, DataType type, std::size_t index) {
  std::string text;
  Dispatch(type, [&](auto zero) {
    using T = decltype(zero);
    const T value = base::LoadLe<T>(bytes.data() + index * sizeof(T));
    if constexpr (std::is_same_v<T, Bool>) {
      text = value.byte != 0 ? "true" : "false";
    } else if constexpr (std::is_integral_v<T>) {
      text = fmt::format(
          "{}",
          static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>(value));
    } else if constexpr (std::is_same_v<T, float>) {
      text = std::isfinite(value) ? fmt::format("{}", value) : NumberText(double{value});
    } else {
      text = NumberText(static_cast<double>(value));
    }
  });
  return text;
}

std::vector<double> ToDoubles(const std::vector<std::byte>& bytes, DataType type) {
  std::vector<double> values;
  Dispatch(type, [&](auto zero) {
    using T = decltype(zero);
    values.reserve(bytes.size() / sizeof(T));
    for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
      values.push_back(static_cast<double>(base::LoadLe<T>(bytes.data() + at)));
    }
  });
  return values;
}

bool AppendElement(double value, DataType type, std::vector<std::byte>& bytes) {
  bool fits = false;
  Dispatch(type, [&](auto zero) { fits = AppendNumber<decltype(zero)>(value, bytes); });
  return fits;
}

}  // namespace hadron::client
