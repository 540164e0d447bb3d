#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hadron::base {

/// Chain of immutable byte slices, each keeping its owner alive (a socket buffer, a gRPC slice, a
/// pinned slab, a string). Copying an IoBuf copies references, never bytes: it is the only type in
/// which bulk bytes travel between layers.
///
/// Thread rule: a value; the bytes behind it are immutable and may be shared between threads.
///
///     IoBuf body = IoBuf::FromString(std::move(text));
///     IoBuf header = body.Sub(0, 120);          // shares the bytes
class IoBuf {
 public:
  struct Slice {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;  ///< null only for bytes that live for ever
  };

  IoBuf() = default;

  /// Takes the string's storage; no copy.
  static IoBuf FromString(std::string text);
  /// Takes the vector's storage; no copy.
  static IoBuf FromVector(std::vector<std::byte> bytes);
  /// Copies the bytes into storage of its own.
  static IoBuf Copy(std::span<const std::byte> bytes);
  /// Refers to `bytes`, which live as long as `owner`.
  static IoBuf Wrap(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::vector<Slice>& slices() const { return slices_; }
  bool contiguous() const { return slices_.size() <= 1; }
  /// The bytes of a contiguous chain.
  std::span<const std::byte> bytes() const;

  void Append(const IoBuf& other);
  /// The range [offset, offset + count), which must lie inside; shares the bytes.
  IoBuf Sub(std::size_t offset, std::size_t count) const;
  /// Copies everything to `to`, which has at least size() bytes.
  void CopyTo(std::span<std::byte> to) const;
  /// Itself when contiguous, else one copied slice.
  IoBuf Flatten() const;
  std::string ToString() const;

 private:
  std::vector<Slice> slices_;
  std::size_t size_ = 0;
};

}  // namespace hadron::base
