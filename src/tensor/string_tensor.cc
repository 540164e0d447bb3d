#include "tensor/string_tensor.h"

#include <fmt/format.h>

#include <array>

#include "base/bytes.h"

namespace hadron::tensor {
namespace {

using base::InvalidArgument;
using base::IoBuf;
using base::Status;
using base::StatusOr;

/// Walks a chain byte range by byte range without flattening it.
class Cursor {
 public:
  explicit Cursor(const IoBuf& bytes) : slices_(bytes.slices()), left_(bytes.size()) {}

  std::size_t left() const { return left_; }

  void Read(std::byte* to, std::size_t count) {
    Walk(count, [&to](std::span<const std::byte> piece) {
      std::memcpy(to, piece.data(), piece.size());
      to += piece.size();
    });
  }
  void Skip(std::size_t count) {
    Walk(count, [](std::span<const std::byte>) {});
  }

 private:
  template <typename F>
  void Walk(std::size_t count, F&& visit) {
    left_ -= count;
    while (count > 0) {
      const auto& slice = slices_[index_].bytes;
      const std::size_t take = std::min(count, slice.size() - offset_);
      visit(slice.subspan(offset_, take));
      offset_ += take;
      count -= take;
      if (offset_ == slice.size()) {
        ++index_;
        offset_ = 0;
      }
    }
  }

  const std::vector<IoBuf::Slice>& slices_;
  std::size_t index_ = 0;
  std::size_t offset_ = 0;
  std::size_t left_;
};

template <typename F>
Status ForEachString(const IoBuf& bytes, std::int64_t elements, F&& visit) {
  Cursor cursor(bytes);
  for (std::int64_t i = 0; i < elements; ++i) {
    if (cursor.left() == 0) {
      return InvalidArgument(
          fmt::format("expected {} string elements for inference input, got {}", elements, i));
    }
    if (cursor.left() < sizeof(std::uint32_t)) {
      return InvalidArgument(fmt::format(
          "incomplete string length indicator: element {} has {} of 4 bytes", i, cursor.left()));
    }
    std::array<std::byte, 4> prefix;
    cursor.Read(prefix.data(), prefix.size());
    const auto length = base::LoadLe<std::uint32_t>(prefix.data());
    if (length > cursor.left()) {
      return InvalidArgument(
          fmt::format("incomplete string data: element {} announces {} bytes, {} follow", i, length,
                      cursor.left()));
    }
    visit(cursor, length);
  }
  if (cursor.left() != 0) {
    return InvalidArgument(
        fmt::format("unexpected number of string elements: {} bytes follow the last of {}",
                    cursor.left(), elements));
  }
  return {};
}

}  // namespace

StatusOr<std::vector<std::string>> DecodeStrings(const IoBuf& bytes, std::int64_t elements) {
  std::vector<std::string> strings;
  HADRON_RETURN_IF_ERROR(
      ForEachString(bytes, elements, [&strings](Cursor& cursor, std::size_t length) {
        std::string& text = strings.emplace_back(length, '\0');
        cursor.Read(std::as_writable_bytes(std::span(text)).data(), length);
      }));
  return strings;
}

Status CheckStrings(const IoBuf& bytes, std::int64_t elements) {
  return ForEachString(bytes, elements,
                       [](Cursor& cursor, std::size_t length) { cursor.Skip(length); });
}

IoBuf EncodeStrings(std::span<const std::string> strings) {
  std::size_t total = 0;
  for (const std::string& s : strings) total += sizeof(std::uint32_t) + s.size();
  std::vector<std::byte> out(total);
  std::byte* at = out.data();
  for (const std::string& s : strings) {
    base::StoreLe(at, static_cast<std::uint32_t>(s.size()));
    std::memcpy(at + sizeof(std::uint32_t), s.data(), s.size());
    at += sizeof(std::uint32_t) + s.size();
  }
  return IoBuf::FromVector(std::move(out));
}

IoBuf SubStrings(const IoBuf& bytes, std::int64_t first, std::int64_t elements) {
  Cursor cursor(bytes);
  std::size_t begin = 0;
  for (std::int64_t i = 0; i < first + elements; ++i) {
    if (i == first) begin = bytes.size() - cursor.left();
    std::array<std::byte, 4> prefix;
    cursor.Read(prefix.data(), prefix.size());
    cursor.Skip(base::LoadLe<std::uint32_t>(prefix.data()));
  }
  if (elements == 0) return {};
  return bytes.Sub(begin, bytes.size() - cursor.left() - begin);
}

}  // namespace hadron::tensor
