#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::protocol::rpc {

/// How a field lies on the wire. Groups (3, 4) are refused.
enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;

  bool Is(std::uint32_t n, WireType t) const { return number == n && type == t; }
};

/// Reads protobuf's wire format from a chain of slices without copying it. Nothing recurses,
/// nothing is allocated but what ReadText and ReadBytes hand out, which is never more than there
/// are bytes. Every failure is INVALID_ARGUMENT; the reader must not be used after one. Thread
/// rule: a value; refers to the chain, which must outlive it and stay where it is.
///
///     for (WireReader reader(message); !reader.done();) {
///       WireField field;
///       HADRON_RETURN_IF_ERROR(reader.ReadField(field));
///       if (field.Is(1, WireType::kBytes)) {
///         HADRON_RETURN_IF_ERROR(reader.ReadText("name", name));
///       } else {
///         HADRON_RETURN_IF_ERROR(reader.Skip(field));
///       }
///     }
class WireReader {
 public:
  WireReader() = default;
  explicit WireReader(const base::IoBuf& bytes) : slices_(bytes.slices()), left_(bytes.size()) {}

  bool done() const { return left_ == 0; }
  std::size_t left() const { return left_; }

  base::Status ReadField(WireField& field);
  base::Status ReadVarint(std::uint64_t& value);
  /// Everything the field holds, as a reader of its own; this one moves past it.
  base::Status Take(const WireField& field, WireReader& payload);
  base::Status Skip(const WireField& field);
  /// The payload of a kBytes field, sharing the bytes.
  base::Status ReadBytes(base::IoBuf& bytes);
  /// The payload of a kBytes field that must be UTF-8 and at most `limit` bytes; `name` is for the
  /// message.
  base::Status ReadText(std::string_view name, std::string& text,
                        std::size_t limit = kMaxTextBytes);
  /// Copies what is left, at most `to.size()` bytes; the number copied.
  std::size_t CopyTo(std::span<std::byte> to);

  /// Names, keys and ids; a longer one is hostile.
  static constexpr std::size_t kMaxTextBytes = 64 * 1024;

 private:
  base::Status ReadLength(std::size_t& length);
  base::Status ReadVarintAcross(std::uint64_t& value);
  WireReader Cut(std::size_t count);
  /// Calls `visit` with the pieces of the next `count` bytes and moves past them.
  template <typename Visit>
  void Walk(std::size_t count, Visit visit);

  std::span<const base::IoBuf::Slice> slices_;  ///< the first is the current one
  std::size_t offset_ = 0;                      ///< within it
  std::size_t left_ = 0;
};

/// Whether the text is well-formed UTF-8, as proto3 wants its strings.
bool IsUtf8(std::string_view text);

}  // namespace hadron::protocol::rpc
