#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io_buf.h"

namespace hadron::protocol::rpc {

/// Writes protobuf's wire format. Small fields go into one string of the writer's own; bulk bytes
/// are referred to where they lie. Thread rule: a value.
///
///     WireWriter message;
///     message.Text(1, "digits");
///     message.Bytes(6, output.bytes);       // shared, not copied
///     base::IoBuf wire = std::move(message).Finish();
class WireWriter {
 public:
  /// Written even when false: the caller decides whether a field has presence.
  void Bool(std::uint32_t field, bool value);
  /// Left out when empty, as proto3 does.
  void Text(std::uint32_t field, std::string_view text);
  void PackedInt64(std::uint32_t field, std::span<const std::int64_t> values);
  /// Written even when empty: one element of a repeated field.
  void Bytes(std::uint32_t field, const base::IoBuf& bytes);
  void Message(std::uint32_t field, const WireWriter& message);

  /// Bytes of the whole.
  std::size_t size() const { return own_.size() + foreign_bytes_; }
  base::IoBuf Finish() &&;

 private:
  /// Bytes that belong before the own byte `at`.
  struct Insert {
    std::size_t at;
    base::IoBuf bytes;
  };
  void Varint(std::uint64_t value);
  /// Tag and length of a field with a payload.
  void Header(std::uint32_t field, std::size_t length);

  std::string own_;
  std::vector<Insert> inserts_;  ///< ascending by place
  std::size_t foreign_bytes_ = 0;
};

}  // namespace hadron::protocol::rpc
