#pragma once

#include <concepts>
#include <optional>

namespace hadron::base {

/// Arithmetic on numbers that come from outside (file sizes, dimensions, offsets): the result, or
/// nothing when it does not fit T.
template <std::integral T>
constexpr std::optional<T> CheckedAdd(T a, T b) {
  T result{};
  if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

template <std::integral T>
constexpr std::optional<T> CheckedSub(T a, T b) {
  T result{};
  if (__builtin_sub_overflow(a, b, &result)) return std::nullopt;
  return result;
}

template <std::integral T>
constexpr std::optional<T> CheckedMul(T a, T b) {
  T result{};
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// Smallest multiple of `alignment` (a power of two) that is >= value.
template <std::unsigned_integral T>
constexpr T AlignUp(T value, T alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace hadron::base
