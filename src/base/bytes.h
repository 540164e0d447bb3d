#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

/// The one place where bytes change type. Everything Hadron reads or writes is little-endian, and
/// so are the machines it runs on.
namespace hadron::base {

static_assert(std::endian::native == std::endian::little, "Hadron needs a little-endian machine");

template <typename T>
T LoadLe(const std::byte* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void StoreLe(std::byte* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof(T));
}

inline const std::byte* AsBytes(const void* data) { return static_cast<const std::byte*>(data); }

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {AsBytes(static_cast<const void*>(text.data())), text.size()};
}

inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Views aligned bytes as an array of T. The caller vouches for the alignment.
template <typename T>
std::span<const T> AsArray(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

template <typename T>
std::span<T> AsMutableArray(std::span<std::byte> bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

}  // namespace hadron::base
