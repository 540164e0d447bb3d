#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "backend/reference/op.h"
#include "tensor/half.h"

namespace hadron::backend::reference {
namespace {

using base::Status;
using tensor::DataType;

/// Numbers to numbers: floats saturate into integers (8 and 16 bits by way of int32, of which the
/// low bits are kept), integers wrap.
template <typename To, typename From>
To Convert(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if constexpr (sizeof(To) < sizeof(std::int32_t)) {
      return static_cast<To>(SaturateCast<std::int32_t>(static_cast<double>(value)));
    } else {
      return SaturateCast<To>(static_cast<double>(value));
    }
  } else {
    return static_cast<To>(value);
  }
}

/// Calls f with every element, 16-bit floats widened. False for strings.
template <typename F>
bool ForEachNumber(const RefTensor& x, F&& f) {
  if (x.type == DataType::kFp16 || x.type == DataType::kBf16) {
    for (const auto bits : x.as<std::uint16_t>()) {
      f(x.type == DataType::kFp16 ? tensor::HalfToFloat(bits) : tensor::Bf16ToFloat(bits));
    }
    return true;
  }
  return DispatchNumeric(x.type, [&](auto zero) {
    for (const auto v : x.as<decltype(zero)>()) f(v);
  });
}

/// Calls store(value) for every element with the arithmetic type of the result.
template <typename Read>
bool Store(RefTensor& y, Read&& read) {
  const auto count = static_cast<std::size_t>(y.elements());
  if (y.type == DataType::kBool) {
    const auto out = y.as<std::uint8_t>();
    for (std::size_t i = 0; i < count; ++i) out[i] = read(bool{}, i) ? 1 : 0;
    return true;
  }
  if (y.type == DataType::kFp16 || y.type == DataType::kBf16) {
    const auto out = y.as<std::uint16_t>();
    for (std::size_t i = 0; i < count; ++i) {
      const float v = read(float{}, i);
      out[i] = y.type == DataType::kFp16 ? tensor::FloatToHalf(v) : tensor::FloatToBf16(v);
    }
    return true;
  }
  return DispatchNumeric(y.type, [&](auto zero) {
    const auto out = y.as<decltype(zero)>();
    for (std::size_t i = 0; i < count; ++i) out[i] = read(zero, i);
  });
}

/// Numbers of type From to y; integers go their own way, so that all 64 bits survive.
template <typename From>
bool CastNumbers(const std::vector<From>& values, RefTensor& y) {
  return Store(y, [&](auto zero, std::size_t i) {
    using To = decltype(zero);
    if constexpr (std::is_same_v<To, bool>) {
      return values[i] != From{0};
    } else {
      return Convert<To>(values[i]);
    }
  });
}

/// "INF", "-INF" and "NaN" are the spellings of the ONNX text.
template <typename T>
std::string Print(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  }
  return fmt::format("{}", value);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

template <typename T>
std::optional<T> Parse(std::string_view text) {
  text = Trim(text);
  T value{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

Status ParseStrings(const RefCall& call) {
  const RefTensor& x = call.in(0);
  RefTensor& y = call.out();
  const std::string* bad = nullptr;
  const bool stored = Store(y, [&](auto zero, std::size_t i) {
    using To = decltype(zero);
    using Number = std::conditional_t<std::is_same_v<To, bool>, std::int64_t, To>;
    const auto value = Parse<Number>(x.strings[i]);
    if (!value && bad == nullptr) bad = &x.strings[i];
    return static_cast<To>(value.value_or(Number{}));
  });
  if (!stored) return UnsupportedType(call, y.type);
  if (bad == nullptr) return {};
  return base::InvalidArgument(fmt::format("{}: '{}' is not a number of type {}", call.node.Label(),
                                           bad->substr(0, 64), tensor::DataTypeName(y.type)));
}

Status PrintStrings(const RefCall& call) {
  std::vector<std::string>& out = call.out().strings;
  out.clear();
  const bool boolean = call.in(0).type == DataType::kBool;
  const bool ok = ForEachNumber(
      call.in(0), [&](auto v) { out.push_back(boolean ? (v != 0 ? "True" : "False") : Print(v)); });
  return ok ? Status() : UnsupportedType(call, call.in(0).type);
}

Status Cast(const RefCall& call) {
  const RefTensor& x = call.in(0);
  RefTensor& y = call.out();
  if (x.type == y.type) {
    y.bytes = x.bytes;
    y.strings = x.strings;
    return {};
  }
  if (x.type == DataType::kString) return ParseStrings(call);
  if (y.type == DataType::kString) return PrintStrings(call);
  bool ok = false;
  if (x.type == DataType::kUint64) {
    ok = CastNumbers(
        std::vector<std::uint64_t>(x.as<std::uint64_t>().begin(), x.as<std::uint64_t>().end()), y);
  } else if (tensor::IsFloating(x.type)) {
    ok = CastNumbers(ToDoubles(x), y);
  } else {
    std::vector<std::int64_t> values;
    ok = ForEachNumber(x, [&](auto v) { values.push_back(static_cast<std::int64_t>(v)); }) &&
         CastNumbers(values, y);
  }
  return ok ? Status() : UnsupportedType(call, y.type);
}

}  // namespace

void RegisterReferenceCast(RefRegistry& registry) {
  registry.Add("", "Cast", Cast);
  registry.Add("", "CastLike", Cast);
}

}  // namespace hadron::backend::reference
